"""Columns of a table -> fields of tasks; columns that are no field are carried as ``meta``."""

from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches
from typing import Any, NoReturn

from farm.manifest.fields import ALIASES, LABELS, LATER, RANGES, READERS
from farm.manifest.formats import Table
from farm.manifest.numbers import compact

#: Columns whose empty cells mean "not given".
_OPTIONAL = frozenset(READERS) - {"prompt", "model"} | set(LABELS)
_EMPTY = {"negative_prompt": "", "scheduler": "default", "dtype": "auto"}


def field_of(column: str) -> str | None:
    """The field that a column's name means; None when it means none."""
    folded = column.strip().casefold().replace(" ", "_").replace("-", "_")
    name = ALIASES.get(folded, folded)
    return name if name in READERS or name in LABELS or name in LATER else None


def table_columns(table: Table, given: set[str], notes: list[str]) -> dict[str, Sequence[Any]]:
    """The columns of tasks that a table's rows make; fields in `given` outrank the table's.

    Raises:
        ManifestError: a cell is wrong, or two columns mean one field; with the line.
    """
    fields: dict[str, str] = {}
    for column in table.columns:
        name = field_of(column)
        if name in LATER:
            raise table.error(f"{column} is known but not supported yet: remove it.", column=column)
        if name is not None and name in fields:
            raise table.error(f"means the same as {fields[name]}: give one of them.", column=column)
        if name is not None:
            fields[name] = column
    if ("width" in fields) != ("height" in fields):
        given_edge, lacking = ("width", "height") if "width" in fields else ("height", "width")
        raise table.error(f"is given without a column {lacking}.", column=fields[given_edge])
    hidden = given | ({"width", "height"} if "size" in given else {"size"} if given & {"width", "height"} else set())
    columns: dict[str, Sequence[Any]] = {}
    for name, column in fields.items():
        if name in READERS and name not in hidden:
            columns |= _spread(name, _read(table, name, column))
    if "prompt" not in given and "prompt" not in fields:
        _no_column(table, "prompt")
    return columns | label_columns(table, {column for name, column in fields.items() if name in READERS}, notes)


def pick_column(table: Table, name: str, asked: str | None) -> tuple[str, list[Any]]:
    """The column of a file that holds a field's values: the one asked for, else the one that means the field."""
    found = next((column for column in table.columns if column == asked), None)
    if asked is None:
        found = next((column for column in table.columns if field_of(column) == name), None)
        found = found or (next(iter(table.columns)) if table.file.lower().endswith(".txt") else None)
    if found is None:
        _no_column(table, asked or name)
    return found, _read(table, name, found, optional=False)


def _no_column(table: Table, name: str) -> NoReturn:
    near = get_close_matches(name, table.columns, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"its columns are {', '.join(table.columns)[:200]}."
    raise table.error(f"has no column {name[:60]!r}: {hint}")


def _read(table: Table, name: str, column: str, *, optional: bool = True) -> list[Any]:
    read = READERS[name]
    cells = table.columns[column]
    found = []
    for row, cell in enumerate(cells):
        empty = cell is None or (isinstance(cell, str) and not cell.strip())
        if empty and optional and name in _OPTIONAL:
            found.append(_EMPTY.get(name))
            continue
        if empty:
            raise table.error(f"this row has no {name}.", row=row, column=column)
        found.append(_cell(read, table, row, column))
    return found


def _cell(read: Callable[[Any], Any], table: Table, row: int, column: str) -> Any:
    try:
        return read(table.columns[column][row])
    except ValueError as error:
        raise table.error(str(error), row=row, column=column) from None


def _spread(name: str, values: list[Any]) -> Mapping[str, Sequence[Any]]:
    if name in RANGES and None not in values:
        return {name: compact(values)}
    if name != "size":
        return {name: values}
    return {
        "width": [value and value[0] for value in values],
        "height": [value and value[1] for value in values],
    }


def label_columns(table: Table, used: set[str], notes: list[str]) -> dict[str, Sequence[Any]]:
    """``custom_id``, and ``meta`` of every column that nothing else used; the note names them once."""
    columns: dict[str, Sequence[Any]] = {}
    rest = [column for column in table.columns if column not in used]
    carried: dict[str, list[Any]] = {}
    for column in rest:
        name = field_of(column)
        if name is not None and name in LABELS:
            cells = table.columns[column]
            columns[name] = [
                None if cell in (None, "") else _cell(LABELS[name], table, row, column)
                for row, cell in enumerate(cells)
            ]
        else:
            carried[column] = table.columns[column]
    if carried:
        notes.append(f"Carried as meta from {table.file}: {', '.join(carried)[:300]}.")
    if carried or "meta" in columns:
        own = columns.get("meta") or [None] * len(table)
        columns["meta"] = [_meta(carried, row, own[row]) for row in range(len(table))]
    return columns


def _meta(carried: Mapping[str, list[Any]], row: int, own: Mapping[str, Any] | None) -> dict[str, Any]:
    return {column: cells[row] for column, cells in carried.items() if cells[row] is not None} | dict(own or {})
