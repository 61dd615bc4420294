"""The fold: of all records of a job, the pictures that count and the seconds that were waste.

Per position the first record with outcome ``rendered`` by (epoch, counter) wins; every other second is waste. Ledger,
tables, costs and rebuild use this one fold. It reads record *names* alone and works on intervals, so its cost follows
the number of records, never the number of positions.
"""

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from heapq import heappop, heappush
from itertools import pairwise

from farm.profile.outcome import Outcome, Token
from farm.store.keys import RecordName

#: Positions, start inclusive and stop exclusive.
Interval = tuple[int, int]
_MILLISECONDS = re.compile(r"\d+")


def age(token: Token) -> tuple[int, str, int]:
    """Sort key of a token, oldest first: the epoch's milliseconds as a number, its chance digits, the counter."""
    found = _MILLISECONDS.match(token.epoch)
    return (int(found[0]) if found else 0, token.epoch, token.counter)


def overlap(intervals: Iterable[Interval], start: int, stop: int) -> int:
    """Positions of ``[start, stop)`` that the disjoint intervals cover."""
    return sum(max(0, min(stop, right) - max(start, left)) for left, right in intervals)


@dataclass(frozen=True, slots=True)
class Folded:
    """What the records of a job come to.

    Args:
        won: the intervals each winning record owns, ascending; a record that won nothing is not there.
        done: every position that has a picture, as ascending intervals that do not touch.
    """

    won: Mapping[RecordName, tuple[Interval, ...]]
    done: tuple[Interval, ...]

    def __len__(self) -> int:
        return sum(stop - start for start, stop in self.done)

    def __contains__(self, position: int) -> bool:
        place = bisect_right(self.done, position, key=lambda interval: interval[0])
        return place > 0 and position < self.done[place - 1][1]

    def useful(self, name: RecordName, start: int | None = None, stop: int | None = None) -> int:
        """Positions of ``[start, stop)``, by default of the whole record, that this record won."""
        first = name.range.start if start is None else start
        last = name.range.stop if stop is None else stop
        return overlap(self.won.get(name, ()), first, last)

    def missing(self, start: int, stop: int) -> Iterator[Interval]:
        """The intervals of ``[start, stop)`` that have no picture, ascending."""
        reached = start
        for left, right in self.done:
            if right <= reached:
                continue
            if left >= stop:
                break
            if left > reached:
                yield reached, left
            reached = right
        if reached < stop:
            yield reached, stop


def fold(names: Iterable[RecordName]) -> Folded:
    """Fold the names of one job's records, in any order, duplicates allowed.

    O(n log n) for n records.
    """
    won: dict[RecordName, tuple[Interval, ...]] = {}
    done: list[Interval] = []
    for start, stop, name in _segments({name for name in names if name.outcome is Outcome.RENDERED}):
        won[name] = _grown(won.get(name, ()), start, stop)
        done[-1:] = _grown(tuple(done[-1:]), start, stop)
    return Folded(won=won, done=tuple(done))


def _segments(rendered: Iterable[RecordName]) -> Iterator[tuple[int, int, RecordName]]:
    """Sweep the records from left to right; between two edges the oldest record that is open owns the positions."""
    waiting = sorted(rendered, key=lambda name: name.range.start, reverse=True)
    edges = sorted({edge for name in waiting for edge in (name.range.start, name.range.stop)})
    opened: list[tuple[tuple[int, str, int], int, int, RecordName]] = []
    for left, right in pairwise(edges):
        while waiting and waiting[-1].range.start == left:
            name = waiting.pop()
            heappush(opened, (age(name.token), name.range.start, name.range.stop, name))
        while opened and opened[0][2] <= left:
            heappop(opened)
        if opened:
            yield left, right, opened[0][3]


def _grown(intervals: tuple[Interval, ...], start: int, stop: int) -> tuple[Interval, ...]:
    """The intervals with one more at their end, joined to the last one where they touch."""
    if intervals and intervals[-1][1] == start:
        return (*intervals[:-1], (intervals[-1][0], stop))
    return (*intervals, (start, stop))
