"""How every command reaches the farm: settings once, connections when they are needed."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from farm.client import Farm
    from farm.settings import Settings


def read_settings() -> "Settings":
    """Settings from the environment, the local farm and ``farm.toml``; raises `UsageError` for a wrong value."""
    from farm.settings import Settings

    return Settings.load()


def connect() -> "Farm":
    """The farm that the settings name."""
    from farm.client import Farm

    return Farm.connect(read_settings())
