"""Sufficient statistics of seconds per image over effective steps: what jobs measured adds up, sum by sum."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

from farm.economics.fit import CONFIDENCE
from farm.economics.student import t_quantile


@dataclass(frozen=True, slots=True)
class Sums:
    """Samples of one cost model, one per full batch, as the sums that least squares needs.

    Args:
        n: samples.
        x: sum of their effective steps.
        y: sum of their seconds per image.
        xx: sum of squares of the steps.
        xy: sum of steps times seconds.
        yy: sum of squares of the seconds.
        fewest: fewest effective steps among them; `most` the most.
    """

    n: int
    x: float
    y: float
    xx: float
    xy: float
    yy: float
    fewest: int
    most: int

    @classmethod
    def of(cls, samples: Iterable[tuple[int, float]]) -> "Sums":
        """The sums of (effective steps, seconds per image); at least one sample."""
        found = list(samples)
        return cls(
            n=len(found),
            x=math.fsum(steps for steps, _ in found),
            y=math.fsum(seconds for _, seconds in found),
            xx=math.fsum(steps * steps for steps, _ in found),
            xy=math.fsum(steps * seconds for steps, seconds in found),
            yy=math.fsum(seconds * seconds for _, seconds in found),
            fewest=min(steps for steps, _ in found),
            most=max(steps for steps, _ in found),
        )

    def __add__(self, other: "Sums") -> "Sums":
        """The sums of both together, in any order."""
        return Sums(
            n=self.n + other.n,
            x=self.x + other.x,
            y=self.y + other.y,
            xx=self.xx + other.xx,
            xy=self.xy + other.xy,
            yy=self.yy + other.yy,
            fewest=min(self.fewest, other.fewest),
            most=max(self.most, other.most),
        )

    def line(self) -> "Line | None":
        """What the sums predict, with an interval; None where there is no degree of freedom to tell how surely."""
        mean_x, mean_y = self.x / self.n, self.y / self.n
        spread = max(0.0, self.xx - self.n * mean_x**2) if self.most > self.fewest else 0.0
        unknowns = 2 if spread else 1
        if self.n <= unknowns:
            return None
        slope = (self.xy - self.n * mean_x * mean_y) / spread if spread else 0.0
        left = max(0.0, self.yy - self.n * mean_y**2 - slope * slope * spread)
        return Line(self, mean_x, mean_y, spread, slope, left / (self.n - unknowns), self.n - unknowns)


@dataclass(frozen=True, slots=True)
class Line:
    """A least-squares line, or one step count's mean where only one was measured.

    Source: Draper and Smith, Applied Regression Analysis, 3rd edition, sections 1.4 and 3.1 (prediction of a sum of
    new observations).

    Args:
        sums: the samples.
        mean_steps: their mean effective steps; `mean_s` their mean seconds per image.
        spread: sum of squares of the steps around their mean; 0 where only one step count was measured.
        slope: seconds per image and effective step; 0 where only one step count was measured.
        variance: of a sample around the line, square seconds.
        degrees: of freedom.
    """

    sums: Sums
    mean_steps: float
    mean_s: float
    spread: float
    slope: float
    variance: float
    degrees: int

    def answers(self, steps: int) -> bool:
        """Whether it says anything of this step count: any on a line, its own on a mean."""
        return self.spread > 0 or steps == self.sums.fewest

    def measured(self, steps: int) -> bool:
        """Whether this step count lies among the measured ones; outside them the line is extended."""
        return self.sums.fewest <= steps <= self.sums.most

    def seconds(self, steps: float) -> float:
        """Seconds per image at this many effective steps, never below nothing."""
        return max(0.0, self.mean_s + self.slope * (steps - self.mean_steps))

    def reach(self, batches: float, steps: float) -> float:
        """Half the 95 % prediction interval of the summed seconds per image of some batches to come.

        Args:
            batches: how many batches.
            steps: their effective steps, added up.
        """
        lever = (steps - batches * self.mean_steps) ** 2 / self.spread if self.spread else 0.0
        variance = self.variance * (batches + batches**2 / self.sums.n + lever)
        return t_quantile((1 + CONFIDENCE) / 2, self.degrees) * math.sqrt(variance)
