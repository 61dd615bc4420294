"""Where the GPU thread's time goes: always in exactly one span, so the spans leave no gap."""

import os
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from farm.profile.seconds import Kind, Span, append
from workers.timing import Phase

#: POSIX seconds that never run backwards.
Now = Callable[[], float]


def steady(clock: Now = time.time) -> Now:
    """A clock that is read once and carried on by the steady one, so that nobody can move it.

    Args:
        clock: what it agrees with: the ledger's, so that the instants of all workers can be compared.
    """
    before = time.perf_counter()
    read = clock()
    offset = read - (before + time.perf_counter()) / 2
    return lambda: time.perf_counter() + offset


def process_age(stat: Path = Path("/proc/self/stat")) -> float:
    """Seconds since this process was created; none, where the system does not say."""
    try:
        ticks = int(stat.read_text().rpartition(")")[2].split()[19])
    except (OSError, ValueError, IndexError):
        return 0.0
    return max(0.0, time.clock_gettime(time.CLOCK_BOOTTIME) - ticks / os.sysconf("SC_CLK_TCK"))


class Stopwatch:
    """The spans of one thread; others may read them.

    Args:
        started_at: when the first span began; it is of kind `START`.
        now: the clock.
    """

    def __init__(self, *, started_at: float, now: Now) -> None:
        self._now = now
        self._lock = threading.Lock()
        self._closed: list[Span] = []
        self._open = Span(Kind.START, started_at, started_at)

    def switch(
        self, kind: Kind, *, job: str | None = None, first: int | None = None, last: int | None = None,
        token: str | None = None,
    ) -> float:  # fmt: skip
        """End the open span and begin another; returns the instant."""
        with self._lock:
            now = max(self._now(), self._open.start)
            self._close(now)
            self._open = Span(kind, now, now, job, first, last, token)
            return now

    def spread(self, phases: Iterable[Phase], *, started_at: float) -> None:
        """Say what the end of the open span went into, as measured on the device; what follows is `POST`.

        Args:
            phases: in seconds from `started_at`; what the span held before that keeps its kind.
            started_at: an instant of this stopwatch's clock.
        """
        with self._lock:
            whole, now = self._open, max(self._now(), self._open.start)
            at = max(whole.start, min(started_at, now))
            self._close(at)
            for phase in phases:
                stop = max(at, min(started_at + phase.stop, now))
                append(self._closed, Span(phase.kind, at, stop, whole.job, whole.first, whole.last, whole.token))
                at = stop
            self._open = Span(Kind.POST, at, at, whole.job, whole.first, whole.last, whole.token)

    def read(self) -> tuple[list[Span], Span]:
        """The spans that were closed since the last call, and the open one up to now."""
        with self._lock:
            closed, self._closed = self._closed, []
            span = self._open
            now = max(self._now(), span.start)
            return closed, Span(span.kind, span.start, now, span.job, span.first, span.last, span.token)

    def _close(self, now: float) -> None:
        span = self._open
        append(self._closed, Span(span.kind, span.start, now, span.job, span.first, span.last, span.token))
