"""Long axes and tables as Parquet parts in execution order: written when they are asked for, read by the part."""

import hashlib
import io
import json
from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from itertools import pairwise, repeat
from typing import TYPE_CHECKING, Any, overload

from farm.manifest.columns import Metas, Texts
from farm.manifest.space import Factor

if TYPE_CHECKING:
    import polars as pl

#: Most rows of one part, and bytes of their texts, unless one row has more: what a worker reads before its first image.
PART, PART_BYTES = 10_000, 8 << 20
#: A factor up to these stands in ``job.json`` itself: rows, and characters of their JSON.
_INLINE_ROWS, _INLINE_SIZE = 1_000, 256 << 10
#: Parts kept in memory.
_KEPT = 4
#: Column that holds the user's number of a row.
ORIGIN = "origin"
_TEXTS = ("prompt", "negative_prompt", "custom_id", "meta")
_WHOLES = ("steps", "width", "height", "prompt_index", ORIGIN)


def is_long(factor: Factor) -> bool:
    """Whether a factor is too long for ``job.json``; a factor of ranges never is."""
    if factor.origin is None and all(isinstance(values, range) for values in factor.columns.values()):
        return False
    if len(factor) > _INLINE_ROWS:
        return True
    size = sum(len(json.dumps(list(values), ensure_ascii=False)) for values in factor.columns.values())
    return size > _INLINE_SIZE


def columns_of(factor: Factor) -> dict[str, Sequence[Any]]:
    """The columns of a factor's parts: its own, and the user's numbers of its rows where it has them."""
    return dict(factor.columns) | ({} if factor.origin is None else {ORIGIN: factor.origin})


def cut(factor: Factor) -> list[int]:
    """The first row of each part of a factor, and its end."""
    bounds, held = [0], 0
    sizes = [_sizes(factor.columns[name]) for name in _TEXTS if name in factor.columns]
    for row, own in enumerate(zip(*sizes, strict=True) if sizes else repeat((), len(factor))):
        size = sum(own)
        if row - bounds[-1] == PART or (row > bounds[-1] and held + size > PART_BYTES):
            bounds.append(row)
            held = 0
        held += size
    return [*bounds, len(factor)]


def _sizes(texts: Sequence[Any]) -> Iterable[int]:
    return texts.lengths() if isinstance(texts, Texts) else (len(text or "") for text in texts)


class Writer(Sequence[bytes]):
    """The parts of a plan's long factors, each encoded when it is asked for and not kept.

    Args:
        factors: in execution order.
    """

    def __init__(self, factors: Sequence[Factor]) -> None:
        #: Per factor, the bounds of its parts.
        self.bounds = [cut(factor) for factor in factors]
        self._places = [
            (factor, start, stop)
            for factor, bounds in zip(factors, self.bounds, strict=True)
            for start, stop in pairwise(bounds)
        ]
        self._hashes: dict[int, str] = {}

    def __len__(self) -> int:
        return len(self._places)

    @overload
    def __getitem__(self, number: int) -> bytes: ...
    @overload
    def __getitem__(self, number: slice) -> Sequence[bytes]: ...
    def __getitem__(self, number: int | slice) -> bytes | Sequence[bytes]:
        if isinstance(number, slice):
            return [self[each] for each in range(*number.indices(len(self)))]
        data = _encoded(*self._places[number])
        self._hashes[number] = hashlib.sha256(data).hexdigest()
        return data

    def sha256(self, number: int) -> str:
        """Hash of a part, in hex; a part that was written is not encoded again for it."""
        if number not in self._hashes:
            self[number]
        return self._hashes[number]


def _encoded(factor: Factor, start: int, stop: int) -> bytes:
    """Some rows of a factor as Parquet."""
    import polars as pl

    frame = pl.DataFrame([_series(name, values, start, stop) for name, values in columns_of(factor).items()])
    stream = io.BytesIO()
    frame.write_parquet(stream, compression="zstd", statistics=False)
    return stream.getvalue()


def _series(name: str, column: Sequence[Any], start: int, stop: int) -> "pl.Series":
    import polars as pl

    if isinstance(column, Texts):
        return pl.Series(name, [column.plain(row) for row in range(start, stop)], dtype=pl.String)
    values = list(column[start:stop])
    if name == "meta":
        values = [Metas.encode(value) for value in values]
    kind = pl.Int64 if name in _WHOLES else pl.UInt64 if name == "seed" else pl.String
    return pl.Series(name, values, dtype=pl.Float64 if name == "guidance_scale" else kind)


class Parts:
    """The parts of one factor, a few of them in memory.

    Args:
        read: number of a part, counted from 0 -> its bytes.
        bounds: the first row of each part, and the end.
    """

    def __init__(self, read: Callable[[int], bytes], bounds: Sequence[int]) -> None:
        self._read, self.bounds = read, bounds
        self.load = lru_cache(maxsize=_KEPT)(self._load)

    def _load(self, number: int) -> Mapping[str, list[Any]]:
        import polars as pl

        columns = pl.read_parquet(io.BytesIO(self._read(number))).to_dict(as_series=False)
        if "meta" in columns:
            columns["meta"] = [Metas.decode(value) for value in columns["meta"]]
        return columns

    def value(self, name: str, row: int) -> Any:
        """What a column holds in a row."""
        number = bisect_right(self.bounds, row) - 1
        return self.load(number)[name][row - self.bounds[number]]


class PartColumn(Sequence[Any]):
    """One column of a factor in parts.

    Args:
        parts: the factor's.
        name: the column.
    """

    def __init__(self, parts: Parts, name: str) -> None:
        self._parts, self._name, self._size = parts, name, parts.bounds[-1]

    def __len__(self) -> int:
        return self._size

    @overload
    def __getitem__(self, row: int) -> Any: ...
    @overload
    def __getitem__(self, row: slice) -> Sequence[Any]: ...
    def __getitem__(self, row: int | slice) -> Any:
        if isinstance(row, slice):
            return [self[each] for each in range(*row.indices(self._size))]
        if not -self._size <= row < self._size:
            raise IndexError(row)
        return self._parts.value(self._name, row % self._size)
