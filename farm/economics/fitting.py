"""What would let a job end by its deadline: more workers, fewer steps, or fewer images. Pure."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from farm.economics.costs import Costs
from farm.economics.quote import Kind, Quote, quote
from farm.economics.work import Calls, Content, Work

#: Most workers that are tried.
MOST_WORKERS = 256


@dataclass(frozen=True, slots=True)
class Fitting:
    """Each way alone by which a job ends in time.

    Args:
        wall_s: seconds it takes as it is.
        left_s: seconds until the deadline.
        workers: the fewest workers of the kind at hand; None where several kinds are, or none suffice.
        steps: the most steps, where settings with more are cut to it; None where not even one fits.
        images: how many images fit as they are.
    """

    wall_s: float
    left_s: float
    workers: int | None
    steps: int | None
    images: int

    @property
    def fits(self) -> bool:
        """Whether it ends in time as it is."""
        return self.wall_s <= self.left_s


def fitting(work: Work, costs: Costs, kinds: Sequence[Kind], *, left_s: float) -> Fitting | None:
    """The ways by which a job ends within so many seconds; None where nothing is known of it.

    Args:
        work: the job in ranges.
        costs: what earlier jobs measured.
        kinds: as `quote` takes them.
        left_s: seconds until the deadline.
    """

    def wall(some: Work, team: Sequence[Kind] = kinds) -> float | None:
        """Seconds that these workers take for this work; None where that is unknown."""
        found = quote(some, costs, team)
        return found.wall_s if isinstance(found, Quote) else None

    whole = wall(work)
    if whole is None:
        return None
    images = sum(size * count for (_, size), count in work.calls().items())

    def with_workers(count: int) -> bool:
        """Whether so many workers suffice."""
        taken = wall(work, [replace(kinds[0], workers=count)])
        return taken is not None and taken <= left_s

    def with_steps(steps: int) -> bool:
        """Whether so many steps at most suffice."""
        taken = wall(capped(work, steps))
        return taken is not None and taken <= left_s

    most = max(setting.effective_steps for setting, _ in work.calls())
    return Fitting(
        wall_s=whole,
        left_s=left_s,
        workers=_first(with_workers, MOST_WORKERS) if len(kinds) == 1 else None,
        steps=_most(with_steps, most),
        images=images if whole <= left_s else int(images * max(0.0, left_s) / whole),
    )


def _first(suffices: Callable[[int], bool], most: int) -> int | None:
    """The least number that suffices, where a greater one always does too."""
    found = bisect_left(range(1, most + 1), True, key=suffices)
    return found + 1 if found < most else None


def _most(fits: Callable[[int], bool], most: int) -> int | None:
    """The greatest number that fits, where a smaller one always does too."""
    found = bisect_left(range(1, most + 1), True, key=lambda number: not fits(number))
    return found or None


def capped(work: Work, steps: int) -> Work:
    """The work with no setting above so many effective steps."""
    ranges: Counter[Content] = Counter()
    for content, times in work.ranges.items():
        parts: Counter[Calls] = Counter()
        for (setting, size), count in content:
            least = min(steps, setting.effective_steps)
            parts[setting._replace(steps=least, effective_steps=least), size] += count
        ranges[tuple(parts.items())] += times
    return replace(work, ranges=ranges)
