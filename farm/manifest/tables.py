"""Columns of a table -> fields of tasks; columns that are no field are carried as ``meta``."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any, NoReturn

from farm.manifest.fields import LATER, READERS
from farm.manifest.formats import Rows
from farm.manifest.reading import Reading

#: Fields that every row must have.
_REQUIRED = ("prompt", "model")


def table_columns(table: Rows, given: set[str], notes: list[str]) -> dict[str, Sequence[Any]]:
    """The columns of tasks that a table's rows make; fields in `given` outrank the table's.

    Raises:
        ManifestError: a cell is wrong, or two columns mean one field; with the line.
    """
    hidden = given | ({"width", "height"} if "size" in given else {"size"} if given & {"width", "height"} else set())
    return _Tasks(table, hidden=hidden).read(notes)


def pick_column(table: Rows, name: str, asked: str | None, notes: list[str]) -> dict[str, Sequence[Any]]:
    """The column of a file that holds a field's values: the one asked for, else the one that means the field.

    Beside prompts, the other columns are carried as ``meta``.

    Raises:
        ManifestError: there is no such column, or a cell of it is wrong; with the line.
    """
    return _Picked(table, name=name, asked=asked).read(notes)


@dataclass
class _Table(Reading):
    """A table whose columns have names that mean something."""

    def label(self, column: str) -> None:
        """Keep a column that is no field of ``render``."""
        name = self.table.dialect.field_of(column)
        if name == "custom_id":
            self.keep(name, column)
        else:
            self.carry(column, own=name == "meta")

    def refuse(self, message: str, column: str) -> NoReturn:
        """Refuse a column, where it is met first."""
        raise self.table.error(message, line=self.line, column=column)

    def lacks(self, name: str) -> NoReturn:
        """Refuse a table without a column; says which is near."""
        name = self.table.dialect.spelled(name)
        near = get_close_matches(name, self.seen, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"its columns are {', '.join(self.seen)[:200]}."
        raise self.table.error(f"has no column {name[:60]!r}: {hint}")


@dataclass
class _Tasks(_Table):
    """A table whose rows are tasks; `hidden` fields are given elsewhere."""

    hidden: set[str] = field(default_factory=set)
    #: Field -> the column that means it.
    fields: dict[str, str] = field(default_factory=dict)

    def declare(self, column: str) -> None:
        """Find what a column means."""
        dialect = self.table.dialect
        if column in dialect.unused:
            self.unused.append(column)
            return
        name = dialect.field_of(column)
        if name in LATER or column in dialect.refused:
            self.refuse(f"{column} is known but not supported yet: remove it.", column)
        if name is not None and name in self.fields:
            self.refuse(f"means the same as {self.fields[name]}: give one of them.", column)
        if name is not None:
            self.fields[name] = column
        if name is None or name not in READERS:
            self.label(column)
        elif name not in self.hidden:
            self.keep(name, column, required=name in _REQUIRED)
        else:
            self.outranked.append(column)

    def check(self) -> None:
        """Refuse a table that lacks a column."""
        if ("width" in self.fields) != ("height" in self.fields):
            there, lacking = ("width", "height") if "width" in self.fields else ("height", "width")
            raise self.table.error(f"is given without a column {lacking}.", column=self.fields[there])
        if "prompt" not in self.hidden and "prompt" not in self.fields:
            self.lacks("prompt")


@dataclass
class _Picked(_Table):
    """A file of which one column is wanted."""

    name: str = "prompt"
    asked: str | None = None

    def declare(self, column: str) -> None:
        """Take the column, or see what it is beside it."""
        found = self.table.dialect.field_of(column)
        means = column == self.asked if self.asked is not None else found == self.name or self.table.is_list
        if means and self.name not in self.columns:
            self.keep(self.name, column, required=True)
        elif self.name == "prompt":
            self.label(column)

    def check(self) -> None:
        """Refuse a file that lacks the column."""
        if self.name not in self.columns:
            self.lacks(self.asked or self.name)
