"""Settings as every command reads them: once, with a sentence for a wrong value."""

from typing import TYPE_CHECKING

from farm.errors import UsageError

if TYPE_CHECKING:
    from farm.settings import Settings


def read_settings() -> "Settings":
    """Settings from the environment, the local farm and ``farm.toml``; raises `UsageError` for a wrong value."""
    from pydantic import ValidationError

    from farm.settings import Settings

    try:
        return Settings()
    except ValidationError as error:
        first = error.errors()[0]
        name = "FARM_" + "_".join(str(part) for part in first["loc"]).upper()
        raise UsageError(
            f"The setting {name} is wrong: {first['msg']}. Look at the environment, at farm.toml and at FARM_HOME."
        ) from None
