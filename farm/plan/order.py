"""Execution order by arithmetic: group key outermost, then batch key, then the rest.

Each factor's rows are sorted once by their own part of the group key, then of the batch key, both in the user's order
of first appearance. What follows is mixed radix: a position names a group, then factor by factor a run of rows of one
batch key, then a row in each run. No list of positions exists.
"""

import math
from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate, product
from typing import NamedTuple

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
    ranks: dict[tuple[object, ...], int] = {}
    inner: dict[tuple[object, ...], int] = {}
    keys = []
    for row in range(size):
        outer_key = tuple(column[row] for column in group)
        inner_key = (outer_key, *(column[row] for column in batch))
        keys.append((ranks.setdefault(outer_key, len(ranks)), inner.setdefault(inner_key, len(inner))))
    rows = sorted(range(size), key=keys.__getitem__)
    return _reorder(factor, rows), _segments([keys[row] for row in rows])


def _reorder(factor: Factor, rows: Sequence[int]) -> Factor:
    if all(row == place for place, row in enumerate(rows)):
        return factor
    columns = {name: [values[row] for row in rows] for name, values in factor.columns.items()}
    return Factor(columns, [factor.offset(row) for row in rows])


def _segments(keys: Sequence[tuple[int, int]]) -> Segments:
    """The bounds of the runs of equal keys in sorted keys."""
    found: list[list[int]] = []
    for place, (outer, inner) in enumerate(keys):
        if place == 0 or keys[place - 1][0] != outer:
            if found:
                found[-1].append(place)
            found.append([place])
        elif keys[place - 1][1] != inner:
            found[-1].append(place)
    found[-1].append(len(keys))
    return tuple(tuple(bounds) for bounds in found)


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
