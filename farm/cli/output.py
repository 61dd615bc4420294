"""How commands print: JSON for programs, short words for people."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from farm.client.status import Status


#: Bytes of a unit, its name, and digits after the point.
_UNITS = ((1e9, "GB", 1), (1e6, "MB", 1), (1e3, "kB", 0))


def print_json(value: Any) -> None:
    """Print a value as one JSON document."""
    print(json.dumps(value, indent=2, ensure_ascii=False, default=str))


def seconds(value: float | None) -> str:
    """A duration for a person: ``8.2 s``, ``3 min 05 s``, ``2 h 07 min``; a dash for None."""
    if value is None:
        return "-"
    if value < 60:  # noqa: PLR2004 a minute
        return f"{value:.1f} s"
    minutes, rest = divmod(round(value), 60)
    hours, left = divmod(minutes, 60)
    return f"{hours} h {left:02} min" if hours else f"{minutes} min {rest:02} s"


def moment(at: float) -> str:
    """An instant for a person, in the zone of this machine: ``2026-11-21 05:37``."""
    return datetime.fromtimestamp(at, tz=UTC).astimezone().strftime("%Y-%m-%d %H:%M")


def size(number: int) -> str:
    """Bytes for a person: ``34 kB``, ``12.3 MB``, ``1.2 GB``."""
    scale, unit, digits = next(each for each in _UNITS if number >= each[0] or not each[2])
    return f"{number / scale:.{digits}f} {unit}"


def count(number: int, noun: str) -> str:
    """``1 image``, ``2 images``."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def percent(status: "Status") -> str:
    """Share of a job's images that are done; 100 % only when all are."""
    share = 100 * status.images.done / status.images.total if status.images.total else 100.0
    return f"{int(share)} %"


def table(titles: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Print columns as wide as what is in them."""
    cells = [[str(value) for value in row] for row in (titles, *rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for row in cells:
        print("  ".join(value.ljust(width) for value, width in zip(row, widths, strict=True)).rstrip())
