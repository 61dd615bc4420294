"""Execution order by arithmetic: group key outermost, then batch key, then the rest.

Each factor's rows are sorted once by their own part of the group key, then of the batch key, both in the user's order
of first appearance. What follows is mixed radix: a position names a group, then factor by factor a run of rows of one
batch key, then a row in each run. No list of positions exists.
"""

import math
from array import array
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate, groupby, product, repeat
from typing import Any, NamedTuple

from farm.manifest.columns import take
from farm.manifest.space import BATCH_FIELDS, GROUP_FIELDS, Factor

#: Bounds of the rows of one factor: per part of the group key, the first row of each part of the batch key and the end.
Segments = tuple[tuple[int, ...], ...]


class Spot(NamedTuple):
    """What lies at a position."""

    group: int
    #: A row of each factor.
    rows: tuple[int, ...]
    #: The positions around it that share its batch key: start inclusive, stop exclusive.
    start: int
    stop: int


def arrange(factor: Factor) -> tuple[Factor, Segments]:
    """A factor with its rows in execution order, and the segments they fall into."""
    group = [factor.columns[name] for name in GROUP_FIELDS if name in factor.columns]
    batch = [factor.columns[name] for name in BATCH_FIELDS if name in factor.columns]
    size = len(factor)
    if not group and not batch:
        return factor, ((0, size),)
    keys, groups = _classified(_together(group, size), _together(batch, size))
    counts = Counter(keys)
    order = sorted(counts, key=lambda key: (groups[key], key))
    starts = dict(zip(order, accumulate((counts[key] for key in order), initial=0), strict=False))
    return _reorder(factor, _sorted(keys, starts)), _segments(order, groups, starts, size)


def _together(columns: Sequence[Sequence[Any]], size: int) -> Iterable[tuple[Any, ...]]:
    """Some columns row by row."""
    return zip(*columns, strict=True) if columns else repeat((), size)


def _classified(
    groups: Iterable[tuple[Any, ...]], batches: Iterable[tuple[Any, ...]]
) -> tuple["array[int]", Sequence[int]]:
    """A number for the batch key of each row, and the number of each batch key's group, both by first appearance."""
    ranks: dict[tuple[Any, ...], int] = {}
    known: dict[tuple[Any, ...], int] = {}
    group_of: list[int] = []
    keys = array("q")
    for group, batch in zip(groups, batches, strict=True):
        rank = ranks.setdefault(group, len(ranks))
        key = known.setdefault((rank, *batch), len(known))
        if key == len(group_of):
            group_of.append(rank)
        keys.append(key)
    return keys, group_of


def _sorted(keys: "array[int]", starts: Mapping[int, int]) -> "array[int]":
    """The rows by key, each key's from its start on, in their own order inside it."""
    free = dict(starts)
    rows = array("q", bytes(8 * len(keys)))
    for row, key in enumerate(keys):
        rows[free[key]] = row
        free[key] += 1
    return rows


def _reorder(factor: Factor, rows: "array[int]") -> Factor:
    if rows == array("q", range(len(rows))):
        return factor
    columns = {name: take(values, rows) for name, values in factor.columns.items()}
    return Factor(columns, rows if factor.origin is None else take(factor.origin, rows))


def _segments(order: Sequence[int], groups: Sequence[int], starts: Mapping[int, int], size: int) -> Segments:
    """The bounds of the runs of equal keys, by group."""
    found = [[starts[key] for key in run] for _, run in groupby(order, key=groups.__getitem__)]
    ends = [each[0] for each in found[1:]] + [size]
    return tuple((*each, end) for each, end in zip(found, ends, strict=True))


class Order:
    """Positions in execution order <-> rows of the factors.

    Args:
        segments: of each factor, as `arrange` returns them.
    """

    def __init__(self, segments: Sequence[Segments]) -> None:
        self._segments = tuple(segments)
        #: A class of group keys of each factor, per group.
        self._classes = list(product(*(range(len(each)) for each in self._segments)))
        sizes = (math.prod(self._sizes(classes)) for classes in self._classes)
        #: First position of each group, and the end.
        self.starts = [0, *accumulate(sizes)]

    def __len__(self) -> int:
        return self.starts[-1]

    def _bounds(self, classes: Sequence[int]) -> list[tuple[int, ...]]:
        return [each[number] for each, number in zip(self._segments, classes, strict=True)]

    def _sizes(self, classes: Sequence[int]) -> list[int]:
        return [bounds[-1] - bounds[0] for bounds in self._bounds(classes)]

    def first_rows(self, group: int) -> list[int]:
        """The first row of each factor in a group."""
        return [bounds[0] for bounds in self._bounds(self._classes[group])]

    def group(self, position: int) -> int:
        """The number of the group that a position lies in."""
        if not 0 <= position < len(self):
            raise IndexError(position)
        return bisect_right(self.starts, position) - 1

    def locate(self, position: int) -> Spot:
        """The rows at a position, and the bounds of its batch key."""
        group = self.group(position)
        inside = position - self.starts[group]
        bounds = self._bounds(self._classes[group])
        behind = math.prod(each[-1] - each[0] for each in bounds)
        before = 1
        runs = []
        for each in bounds:
            behind //= each[-1] - each[0]
            unit = before * behind
            run = bisect_right(each, each[0] + inside // unit) - 1
            inside -= (each[run] - each[0]) * unit
            runs.append((each[run], each[run + 1] - each[run]))
            before *= each[run + 1] - each[run]
        start = position - inside
        rows = []
        for first, length in reversed(runs):
            inside, row = divmod(inside, length)
            rows.append(first + row)
        return Spot(group, tuple(reversed(rows)), start, start + before)
