"""Where the settings come from, group by group: what is set and not used is the surprise to look for."""

import os
from pathlib import Path
from typing import Any

from farm.doctor.check import Check
from farm.local.home import Home
from farm.settings import STORE, Settings, config_file, read_toml, variable


def origins(settings: Settings) -> Check:
    """The variable or file that names Redis and the store, and every variable that is set in vain."""
    local, config = Home(settings.home).settings_file, config_file()
    files = {local: read_toml(local), config: read_toml(config)}
    found = {"redis": _origin("redis_url", files), "store": _origin("s3_url", files)}
    named = [f"{group} from {place}" for group, place in found.items() if place]
    detail = ", ".join(named) or "Redis and the store are not set"
    idle = _idle(files[local]) if found["store"] == str(local) else []
    if not idle:
        return Check("settings", True, detail)
    detail += f"; {', '.join(idle)} in the environment {'is' if len(idle) == 1 else 'are'} not used"
    ours = any(name.startswith("FARM_") for name in idle)  # the usual AWS variables are there for others too
    advice = "Set FARM_S3_URL too, for a store elsewhere, or unset them: the store's settings are taken together."
    return Check("settings", not ours, detail, advice if ours else "")


def _origin(field: str, files: dict[Path, dict[str, Any]]) -> str | None:
    """The first place that sets a field."""
    if os.environ.get(variable(field)):
        return variable(field)
    return next((str(path) for path, values in files.items() if field in values), None)


def _idle(local: dict[str, Any]) -> list[str]:
    """Variables of the store that are set beside a local farm's, to something else."""
    set_ = {variable(field): local.get(field) for field in STORE if os.environ.get(variable(field))}
    return [name for name, used in set_.items() if os.environ[name] != used]
