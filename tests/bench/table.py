"""The table of the bench: one row per measurement, for people and as JSON."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Row:
    """One measurement.

    Args:
        name: what was measured.
        figure: the result for a person, with its unit.
        command: what measures it again.
        goal: what is asked of it; empty when nothing is.
        met: whether the goal is reached; None when there is none.
        note: how it was measured, and what is left out.
        values: the numbers, for programs.
    """

    name: str
    figure: str
    command: str
    goal: str = ""
    met: bool | None = None
    note: str = ""
    values: dict[str, Any] = field(default_factory=dict)


def write(rows: Sequence[Row], path: Path, *, machine: str) -> None:
    """Write the table for programs to a file.

    Args:
        rows: the table.
        path: where to.
        machine: what it was measured on.
    """
    document = {"machine": machine, "rows": [asdict(row) for row in rows]}
    path.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")


def show(rows: Sequence[Row]) -> str:
    """The table for people: a line per measurement, then the notes."""
    cells = [(row.name, row.figure, row.goal and f"{row.goal}{_mark(row.met)}", row.command) for row in rows]
    heads = ("measurement", "figure", "goal", "command")
    widths = [max(len(line[column]) for line in [heads, *cells]) for column in range(len(heads))]
    lines = ["  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)) for line in [heads, *cells]]
    lines.insert(1, "  ".join("-" * width for width in widths))
    notes = [f"{row.name}: {row.note}" for row in rows if row.note]
    return "\n".join([*(line.rstrip() for line in lines), *([""] if notes else []), *notes])


def _mark(met: bool | None) -> str:  # noqa: FBT001 a row's own field
    return {None: "", True: " yes", False: " NO"}[met]
