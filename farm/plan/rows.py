"""Long axes and tables as Parquet parts in execution order, read by the part."""

import io
import json
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any, overload

from farm.manifest.space import Factor

if TYPE_CHECKING:
    import polars as pl

#: Rows of one part.
PART = 10_000
#: A factor up to these stands in ``job.json`` itself: rows, and characters of their JSON.
_INLINE_ROWS, _INLINE_SIZE = 1_000, 256 << 10
#: Parts kept in memory.
_KEPT = 4
#: Column that holds the user's number of a row.
ORIGIN = "origin"
_WHOLES = ("steps", "width", "height", "prompt_index", ORIGIN)


def is_long(factor: Factor) -> bool:
    """Whether a factor is too long for ``job.json``; a factor of ranges never is."""
    if factor.origin is None and all(isinstance(values, range) for values in factor.columns.values()):
        return False
    if len(factor) > _INLINE_ROWS:
        return True
    size = sum(len(json.dumps(list(values), ensure_ascii=False)) for values in factor.columns.values())
    return size > _INLINE_SIZE


def write_parts(factor: Factor) -> list[bytes]:
    """A factor as Parquet parts of `PART` rows."""
    import polars as pl

    columns = dict(factor.columns) | ({} if factor.origin is None else {ORIGIN: factor.origin})
    parts = []
    for start in range(0, len(factor), PART):
        frame = pl.DataFrame([_series(name, values[start : start + PART]) for name, values in columns.items()])
        stream = io.BytesIO()
        frame.write_parquet(stream, compression="zstd", statistics=False)
        parts.append(stream.getvalue())
    return parts


def _series(name: str, values: Sequence[Any]) -> "pl.Series":
    import polars as pl

    if name == "meta":
        values = [json.dumps(value, ensure_ascii=False, separators=(",", ":")) for value in values]
    kind = pl.Int64 if name in _WHOLES else pl.UInt64 if name == "seed" else pl.String
    return pl.Series(name, list(values), dtype=pl.Float64 if name == "guidance_scale" else kind)


class Parts:
    """The parts of one factor, a few of them in memory.

    Args:
        read: number of a part, counted from 0 -> its bytes.
    """

    def __init__(self, read: Callable[[int], bytes]) -> None:
        self._read = read
        self.load = lru_cache(maxsize=_KEPT)(self._load)

    def _load(self, number: int) -> Mapping[str, list[Any]]:
        import polars as pl

        columns = pl.read_parquet(io.BytesIO(self._read(number))).to_dict(as_series=False)
        if "meta" in columns:
            columns["meta"] = [json.loads(value) for value in columns["meta"]]
        return columns


class PartColumn(Sequence[Any]):
    """One column of a factor in parts.

    Args:
        parts: the factor's.
        name: the column.
        size: number of rows.
    """

    def __init__(self, parts: Parts, name: str, size: int) -> None:
        self._parts, self._name, self._size = parts, name, size

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
        number, offset = divmod(row % self._size, PART)
        return self._parts.load(number)[self._name][offset]
