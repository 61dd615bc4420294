"""How commands print: JSON for programs, short words for people."""

import json
from typing import Any


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
