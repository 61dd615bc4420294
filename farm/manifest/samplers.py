"""A sampler and its noise schedule in two columns, as ComfyUI and newer A1111 write them -> the one that means both."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from farm.manifest.dialect import fold
from farm.manifest.formats import Row, Rows

_SAMPLERS = ("sampler", "sampler_name")
_SCHEDULES = ("scheduler", "schedule_type", "schedule")


def paired(table: Rows) -> Rows:
    """A table whose cells of a sampler hold its schedule too; one without such a pair of columns as it is."""
    folded = {fold(column): column for column in table.header}
    sampler = next((folded[name] for name in _SAMPLERS if name in folded), None)
    schedule = next((folded[name] for name in _SCHEDULES if name in folded), None)
    if sampler is None or schedule is None:
        return table
    header = [column for column in table.header if column != schedule]
    return replace(table, header=header, rows=_joined(table.rows, sampler, schedule))


def _joined(rows: Iterator[Row], sampler: str, schedule: str) -> Iterator[Row]:
    for line, cells in rows:
        rest: dict[str, Any] = {column: cell for column, cell in cells.items() if column not in {sampler, schedule}}
        words = [cells.get(sampler), cells.get(schedule)]
        strange = next((cell for cell in words if not isinstance(cell, str | None)), None)
        joined = " ".join(word.strip() for word in words if isinstance(word, str)).strip()
        yield line, {**rest, sampler: joined if strange is None else strange}
