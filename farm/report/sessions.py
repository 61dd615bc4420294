"""The sessions of a job's workers, found without reading those of other days."""

import re
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator
from functools import cache
from itertools import zip_longest

from farm.profile.seconds import Session
from farm.report.reading import ahead
from farm.store import keys
from farm.store.store import Store

#: Seconds that a worker's clock may differ from the ledger's.
_SKEW = 60.0
#: A session's name begins with its start in milliseconds; its parts are numbered.
_NAME = re.compile(r"(?P<session>(?P<started>\d+)[^-/]*)(?:-(?P<part>\d+))?\.json$")


def read_sessions(store: Store, workers: Iterable[str], *, start: float, stop: float) -> Iterator[Session]:
    """Session parts of these workers that may overlap ``[start, stop]``, by worker, oldest first.

    One LIST per worker and, in a long session, a bisection for its first and last part.
    """
    for worker in sorted(workers):
        for parts in _sessions_between(store.list(keys.sessions(worker)), start - _SKEW, stop + _SKEW):
            yield from _parts_between(store, parts, start, stop)


def _sessions_between(listed: Iterable[str], start: float, stop: float) -> Iterator[list[str]]:
    """The keys of each session that may reach into the time, in order of their parts.

    A worker runs one session at a time, so one ended before the next began.
    """
    found: dict[tuple[int, str], list[tuple[int, str]]] = defaultdict(list)
    for key in listed:
        if name := _NAME.search(key):
            found[int(name["started"]), name["session"]].append((int(name["part"] or 0), key))
    begun = sorted(found)
    for session, later in zip_longest(begun, begun[1:]):
        ended_before = later is not None and later[0] / 1000 < start
        if session[0] / 1000 <= stop and not ended_before:
            yield [key for _, key in sorted(found[session])]


def _parts_between(store: Store, parts: list[str], start: float, stop: float) -> Iterator[Session]:
    """The parts that overlap the time; they follow each other without a gap."""

    @cache
    def started_at(key: str) -> float:
        """When a part began."""
        return Session.from_json(store.get(key)).started_at

    first = max(0, bisect_right(parts, start, key=started_at) - 1) if len(parts) > 1 else 0
    last = bisect_left(parts, stop, lo=first, key=started_at) if len(parts) > 1 else 1
    yield from ahead(lambda key: Session.from_json(store.get(key)), parts[first:last])
