"""``run.window`` and ``run.finish_by``: read once, and frozen with their time zone when a job is submitted."""

import time
from collections.abc import Callable, Mapping
from typing import Any

from farm.economics.deadline import read_deadline
from farm.economics.window import Window, zone_of
from farm.manifest.place import Place, shown


def local_zone() -> str:
    """The IANA name of this machine's time zone; UTC where nobody knows it."""
    from tzlocal import get_localzone_name

    try:
        name = str(get_localzone_name() or "UTC")
        zone_of(name)
    except (ValueError, LookupError, OSError):
        return "UTC"
    return name


def freeze(
    run: Mapping[str, Any],
    place: Place,
    *,
    now: Callable[[], float] = time.time,
    zone: Callable[[], str] = local_zone,
) -> dict[str, Any]:
    """The ``run`` section with its hours in full: what is written means the same wherever it is read.

    Args:
        run: as written.
        place: where it stands, for errors.
        now: POSIX seconds.
        zone: the zone of hours that name none.

    Raises:
        ManifestError: one of them is not what it should be.
    """
    readers: dict[str, Callable[[str], str]] = {
        "window": lambda text: str(Window.parse(text, zone=zone())),
        "finish_by": lambda text: read_deadline(text, now=now(), zone=zone()).isoformat(timespec="minutes"),
    }
    frozen = dict(run)
    for name, read in readers.items():
        value = run.get(name)
        if value is None:
            continue
        if not isinstance(value, str):
            place.fail(f"must be text such as 22:00-07:00 or 07:00, and {shown(value)} is not.", f"run.{name}")
        try:
            frozen[name] = read(value)
        except ValueError as error:
            place.fail(f"{shown(value)} {error}.", f"run.{name}")
    return frozen
