"""A table while it is read: every cell is checked as its row comes by, and kept by the column.

So an error names its line, nothing is read twice, and a table takes little more memory than its texts.
"""

from abc import ABC, abstractmethod
from array import array
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from farm.manifest.columns import Metas, Texts
from farm.manifest.fields import LABELS, RANGES
from farm.manifest.formats import Rows
from farm.manifest.numbers import compact

#: What an empty cell of a field is, where that is not None.
EMPTY = {"negative_prompt": "", "scheduler": "default", "dtype": "auto"}
_TEXTS = ("prompt", "negative_prompt", "custom_id")
#: Different cells of a column that are remembered with what they mean, so that equal ones are read, and kept, once.
_REMEMBERED = 4096


@dataclass
class Column:
    """One column while it is read.

    Args:
        table: the file.
        name: the field or label it means.
        column: as the file writes it.
        required: whether every row must have a cell.
    """

    table: Rows
    name: str
    column: str
    required: bool
    values: Any = field(init=False)
    read: Callable[[Any], Any] = field(init=False)

    def __post_init__(self) -> None:
        self.values = Texts() if self.name in _TEXTS else array("Q") if self.name == "seed" else []
        read = self.table.dialect.reader(self.name)
        self.read = read if self.name in (*_TEXTS, "seed") else _remembering(read)

    def take(self, cells: Mapping[str, Any], line: int) -> None:
        """Read the cell of one row."""
        cell = cells.get(self.column)
        if cell is None or (isinstance(cell, str) and not cell.strip()):
            self.lack(line)
            return
        try:
            self._keep(self.read(cell))
        except ValueError as error:
            raise self.table.error(str(error), line=line, column=self.column) from None

    def lack(self, line: int) -> None:
        """Take a row that has no cell."""
        if self.required:
            raise self.table.error(f"this row has no {self.name}.", line=line, column=self.column)
        self._keep(EMPTY.get(self.name))

    def _keep(self, value: Any) -> None:
        if value is None and isinstance(self.values, array):
            self.values = self.values.tolist()
        self.values.append(value)

    def finish(self) -> Mapping[str, Sequence[Any]]:
        """The fields of tasks that the column makes."""
        if self.name in RANGES and len(self.values) and None not in self.values:
            return {self.name: compact(self.values)}
        if self.name != "size":
            return {self.name: self.values}
        return {
            "width": [value and value[0] for value in self.values],
            "height": [value and value[1] for value in self.values],
        }


def _remembering(read: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """A reader that gives equal cells the one value."""
    known = lru_cache(_REMEMBERED, typed=True)(read)

    def remembered(cell: Any) -> Any:
        """What the cell means; a list or mapping is never right, and cannot be remembered."""
        return read(cell) if isinstance(cell, list | dict) else known(cell)

    return remembered


@dataclass
class Meta:
    """What the rows carry: the columns that are no field, and a column of the rows' own ``meta`` over them."""

    table: Rows
    #: Columns that are carried, in the order in which they first appear.
    carried: list[str] = field(default_factory=list)
    own: str | None = None
    values: Metas = field(default_factory=Metas)

    def take(self, cells: Mapping[str, Any], line: int) -> None:
        """Read the cells of one row."""
        found = {column: cells[column] for column in self.carried if cells.get(column) is not None}
        own = None if self.own is None else cells.get(self.own)
        if own not in (None, ""):
            try:
                found |= LABELS["meta"](own)
            except ValueError as error:
                raise self.table.error(str(error), line=line, column=self.own) from None
        try:
            self.values.append(found)
        except (ValueError, RecursionError):
            message = "holds what JSON cannot: a number that is too large, or too deep a nesting."
            raise self.table.error(message, line=line) from None

    def lack(self, _line: int) -> None:
        """Take a row that carries nothing."""
        self.values.append({})


@dataclass
class Reading(ABC):
    """The columns of a file, found while its rows are read.

    Args:
        table: the file.
    """

    table: Rows
    #: Columns met so far, as the file writes them.
    seen: dict[str, None] = field(default_factory=dict)
    #: Field or label -> the column that is kept.
    columns: dict[str, Column] = field(default_factory=dict)
    meta: Meta | None = None
    #: Rows read, and the line of the first.
    count: int = 0
    first: int = 0
    #: The line that is read; None while the header is.
    line: int | None = None
    #: Columns that have no meaning here.
    unused: list[str] = field(default_factory=list)
    #: Columns of fields that are given for all rows elsewhere.
    outranked: list[str] = field(default_factory=list)

    @abstractmethod
    def declare(self, column: str) -> None:
        """Decide what a column is, before its first cell is read."""

    @abstractmethod
    def check(self) -> None:
        """Refuse a table that lacks a column."""

    def read(self, notes: list[str]) -> dict[str, Sequence[Any]]:
        """Read the table; what is wrong with its header is said before its rows are read, where it has one.

        Returns:
            The fields and labels of the tasks.
        """
        self._meet(self.table.header)
        if self.table.has_header:
            self.check()
        for line, cells in self.table.rows:
            self._row(line, cells)
        self.check()
        return self._finish(notes)

    def _meet(self, columns: Iterable[str]) -> None:
        for column in columns:
            if column not in self.seen:
                self.seen[column] = None
                self.declare(column)

    def _row(self, line: int, cells: Mapping[str, Any]) -> None:
        self.first, self.line = self.first or line, line
        if not cells.keys() <= self.seen.keys():
            self._meet(cells)
        for each in self.columns.values():
            each.take(cells, line)
        if self.meta:
            self.meta.take(cells, line)
        self.count += 1

    def keep(self, name: str, column: str, *, required: bool = False) -> None:
        """Keep a column as a field or label."""
        found = Column(self.table, name, column, required)
        self._catch_up(found)
        self.columns[name] = found

    def carry(self, column: str, *, own: bool = False) -> None:
        """Keep a column in ``meta``; `own` holds mappings that are merged into it."""
        if self.meta is None:
            self.meta = Meta(self.table)
            self._catch_up(self.meta)
        if own:
            self.meta.own = column
        else:
            self.meta.carried.append(column)

    def _catch_up(self, late: Column | Meta) -> None:
        """The rows before a column first appears do not have it."""
        for _ in range(self.count):
            late.lack(self.first)

    def _finish(self, notes: list[str]) -> dict[str, Sequence[Any]]:
        found = {name: values for each in self.columns.values() for name, values in each.finish().items()}
        file = self.table.file
        if self.table.is_list:
            marked = sum(isinstance(text, str) and text.startswith("#") for text in found.get("prompt", ()))
            said = (
                "1 line begins with # and is a prompt"
                if marked == 1
                else f"{marked:,} lines begin with # and are prompts"
            )
            notes += [f"{said} in {file}: a list of prompts has no comments."] * bool(marked)
        if self.outranked:
            notes.append(f"Given for all, and so not taken from {file}: {', '.join(self.outranked)[:300]}.")
        if self.unused:
            notes.append(f"Not used from {file}, since they mean nothing here: {', '.join(self.unused)[:300]}.")
        if self.meta is None:
            return found
        if self.meta.carried:
            notes.append(f"Carried as meta from {file}: {', '.join(self.meta.carried)[:300]}.")
        return found | {"meta": self.meta.values}
