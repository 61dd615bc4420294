"""Columns of a million rows in little memory: texts end to end in one block, instead of a Python object each."""

import json
from array import array
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, overload

#: Length of a text that is not there.
_MISSING = -1


class Texts(Sequence[Any]):
    """Texts, or None, in one block of UTF-8: 12 bytes a row on top of the text.

    A text that is equal to the one before it shares its bytes.
    """

    def __init__(self, values: Iterable[Any] = ()) -> None:
        self._block = bytearray()
        self._starts, self._lengths = array("q"), array("i")
        #: The text that was added last, and a row that holds it.
        self._last: str | None = None
        self._recent = 0
        for value in values:
            self.append(value)

    def append(self, value: Any) -> None:
        """Add a row."""
        text = self.encode(value)
        if text is None:
            self._starts.append(0)
            self._lengths.append(_MISSING)
        elif text == self._last:
            row = self._recent
            self._starts.append(self._starts[row])
            self._lengths.append(self._lengths[row])
        else:
            data = text.encode()
            self._last, self._recent = text, len(self._starts)
            self._starts.append(len(self._block))
            self._lengths.append(len(data))
            self._block += data

    @staticmethod
    def encode(value: Any) -> str | None:
        """A value as it is kept; raises ValueError when it cannot be."""
        found: str | None = value
        return found

    @staticmethod
    def decode(text: str | None) -> Any:
        """A value as it was given."""
        return text

    def plain(self, row: int) -> str | None:
        """The text of a row as it is kept."""
        length = self._lengths[row]
        if length == _MISSING:
            return None
        start = self._starts[row]
        return self._block[start : start + length].decode()

    def lengths(self) -> Sequence[int]:
        """Bytes of each row; -1 of one that is None."""
        return self._lengths

    def take(self, rows: Sequence[int]) -> "Texts":
        """Some rows, in the order asked for; the block is shared."""
        taken = type(self)()
        taken._block = self._block  # noqa: SLF001 our own
        taken._starts = array("q", map(self._starts.__getitem__, rows))  # noqa: SLF001 our own
        taken._lengths = array("i", map(self._lengths.__getitem__, rows))  # noqa: SLF001 our own
        return taken

    def __len__(self) -> int:
        return len(self._starts)

    @overload
    def __getitem__(self, row: int) -> Any: ...
    @overload
    def __getitem__(self, row: slice) -> Sequence[Any]: ...
    def __getitem__(self, row: int | slice) -> Any:
        if isinstance(row, slice):
            return [self.decode(self.plain(each)) for each in range(*row.indices(len(self)))]
        return self.decode(self.plain(row))

    def __iter__(self) -> Iterator[Any]:
        return (self.decode(self.plain(row)) for row in range(len(self)))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and len(other) == len(self) and all(map(_equal, self, other))

    __hash__ = None  # type: ignore[assignment]  # it grows


class Metas(Texts):
    """Mappings, or None, kept as JSON."""

    @staticmethod
    def encode(value: Any) -> str | None:
        """The JSON of a mapping, its keys in their own order."""
        return None if value is None else _ENCODER.encode(value)

    @staticmethod
    def decode(text: str | None) -> Any:
        """The mapping of a JSON."""
        return None if text is None else json.loads(text)


_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def _equal(one: Any, other: Any) -> bool:
    return bool(one == other)


def take(values: Sequence[Any], rows: Sequence[int]) -> Sequence[Any]:
    """Some rows of a column, in the order asked for, as compact as the column is."""
    if isinstance(values, Texts):
        return values.take(rows)
    if isinstance(values, array):
        return array(values.typecode, map(values.__getitem__, rows))
    if isinstance(values, range):
        return array("Q", map(values.__getitem__, rows)) if values.start >= 0 else [values[row] for row in rows]
    return [values[row] for row in rows]
