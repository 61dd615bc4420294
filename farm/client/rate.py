"""The rate a job moves at, from what was seen lately."""

from collections import deque

#: Seconds. Long enough to hold several ranges of a slow job, short enough to follow a worker that joins.
WINDOW = 60.0


class Rate:
    """Units per second over the last `window` seconds.

    Args:
        window: seconds that an observation counts.
    """

    def __init__(self, *, window: float = WINDOW) -> None:
        self._window = window
        self._seen: deque[tuple[float, float]] = deque()

    def observe(self, now: float, amount: float) -> None:
        """Note the total amount at an instant; a smaller amount than before starts afresh."""
        if self._seen and amount < self._seen[-1][1]:
            self._seen.clear()
        self._seen.append((now, amount))
        while len(self._seen) > 2 and self._seen[1][0] <= now - self._window:  # noqa: PLR2004 two points make a rate
            self._seen.popleft()

    def per_second(self) -> float | None:
        """Units per second, or None while nothing moved."""
        if not self._seen:
            return None
        (start, before), (stop, after) = self._seen[0], self._seen[-1]
        return (after - before) / (stop - start) if after > before and stop > start else None
