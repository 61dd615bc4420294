"""The cost model of one pipeline on one kind of worker: ``seconds per image = fixed + per_step x effective steps``."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from farm.economics.student import t_quantile

#: Probability that an interval of a fit holds the true value, under normal errors.
CONFIDENCE = 0.95
#: A straight line has two unknowns.
_UNKNOWNS = 2

#: Lower and upper bound, seconds.
Interval = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Fit:
    """A least-squares line through (effective steps, seconds per image).

    Args:
        fixed_s: seconds per image that steps do not change: prompt encoding, decode, post; load is not in it.
        s_per_step: seconds per image and effective step; the slope.
        r2: share of the variance that the line explains, 0 to 1; 0 when all samples took the same time.
        n: samples, one per batch.
        fixed_interval: 95 % confidence interval of `fixed_s`; None for two samples, which any line meets.
        step_interval: the same of `s_per_step`.
        fewest: fewest effective steps among the samples; `most` the most. Outside them the line is a guess.
    """

    fixed_s: float
    s_per_step: float
    r2: float
    n: int
    fixed_interval: Interval | None
    step_interval: Interval | None
    fewest: float
    most: float

    def seconds(self, steps: float) -> float:
        """Seconds per image at this many effective steps."""
        return self.fixed_s + self.s_per_step * steps


def fit(steps: Sequence[float], seconds: Sequence[float]) -> Fit | None:
    """Ordinary least squares of seconds per image on effective steps; None below two distinct step counts.

    Source: Draper and Smith, Applied Regression Analysis, 3rd edition, sections 1.2-1.4.

    Args:
        steps: effective steps, one entry per batch.
        seconds: seconds per image of that batch, in the same order.
    """
    n = len(steps)
    if len(set(steps)) < _UNKNOWNS:
        return None
    mean_x, mean_y = math.fsum(steps) / n, math.fsum(seconds) / n
    spread = math.fsum((x - mean_x) ** 2 for x in steps)
    slope = math.fsum((x - mean_x) * (y - mean_y) for x, y in zip(steps, seconds, strict=True)) / spread
    fixed = mean_y - slope * mean_x
    left = math.fsum((y - fixed - slope * x) ** 2 for x, y in zip(steps, seconds, strict=True))
    total = math.fsum((y - mean_y) ** 2 for y in seconds)
    reach = _reach(left, n)
    return Fit(
        fixed_s=fixed,
        s_per_step=slope,
        r2=max(0.0, 1 - left / total) if total > 0 else 0.0,
        n=n,
        fixed_interval=_around(fixed, reach, math.sqrt(1 / n + mean_x**2 / spread)),
        step_interval=_around(slope, reach, 1 / math.sqrt(spread)),
        fewest=min(steps),
        most=max(steps),
    )


def _reach(left: float, n: int) -> float | None:
    """Standard error of a sample times the t quantile; None without a degree of freedom."""
    degrees = n - _UNKNOWNS
    return t_quantile((1 + CONFIDENCE) / 2, degrees) * math.sqrt(left / degrees) if degrees > 0 else None


def _around(value: float, reach: float | None, scale: float) -> Interval | None:
    return None if reach is None else (value - reach * scale, value + reach * scale)


def saving(line: Fit, *, before: float, after: float) -> float:
    """Share of the seconds per image that going from `before` to `after` effective steps saves, 0 to 1.

    ``per_step x (before - after) / (fixed + per_step x before)``: less than the share of the steps, for the fixed
    part stays.
    """
    return 1 - line.seconds(after) / line.seconds(before)


def comparison(line: Fit, measured: Sequence[int]) -> tuple[int, int] | None:
    """The two step counts to compare: 30 and 20 where the line spans them, else the two highest measured.

    Args:
        line: the fitted line.
        measured: step counts of the job, in any order.
    """
    if line.fewest <= 20 and line.most >= 30:  # noqa: PLR2004 the usual question: 30 steps or 20
        return 30, 20
    highest = sorted(set(measured), reverse=True)[:2]
    return (highest[0], highest[1]) if len(highest) == _UNKNOWNS else None
