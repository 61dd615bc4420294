"""What a few noisy pairs say of a ratio: the mean and how far it may be off."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, stdev

from farm.economics.student import t_quantile

#: Share of intervals that hold the true value.
CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean with its interval of confidence."""

    low: float
    middle: float
    high: float
    #: How many values it is made from.
    n: int

    def __str__(self) -> str:
        return f"{self.middle:.3f} ({self.low:.3f} to {self.high:.3f}, n={self.n})"


def mean_interval(values: Sequence[float]) -> Interval:
    """The mean with Student's interval; raises ValueError for fewer than two values."""
    if len(values) < 2:
        raise ValueError(f"an interval needs two values, there are {len(values)}")
    middle = fmean(values)
    half = t_quantile((1 + CONFIDENCE) / 2, len(values) - 1) * stdev(values) / math.sqrt(len(values))
    return Interval(middle - half, middle, middle + half, len(values))


def ratio_interval(pairs: Sequence[tuple[float, float]]) -> Interval:
    """The geometric mean of first / second over pairs, its interval Student's on the logarithms.

    Pairs are measured one right after the other, so that what slows the machine down slows both.

    Args:
        pairs: positive figures, the two of a pair from the same minute.

    Raises:
        ValueError: fewer than two pairs, or a figure that is not positive.
    """
    found = mean_interval([math.log(first / second) for first, second in pairs if _positive(first, second)])
    return Interval(math.exp(found.low), math.exp(found.middle), math.exp(found.high), found.n)


def _positive(first: float, second: float) -> bool:
    if first <= 0 or second <= 0:
        raise ValueError(f"no ratio of {first} to {second}: both must be positive")
    return True
