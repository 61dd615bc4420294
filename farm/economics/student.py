"""Quantiles of Student's t distribution, for confidence intervals from few samples."""

import math
from statistics import NormalDist

_CAUCHY = 1
_CLOSED_FORM = 2


def t_quantile(probability: float, degrees: int) -> float:
    """The t with ``P(T <= t) = probability`` for this many degrees of freedom.

    Exact for one and two degrees of freedom, within 0.002 % above (at probability 0.975).
    Source: G. W. Hill, Algorithm 396: Student's t-quantiles, Communications of the ACM 13 (10), 1970.

    Args:
        probability: between 0 and 1, both exclusive.
        degrees: degrees of freedom, 1 and more.
    """
    if not 0 < probability < 1 or degrees < 1:
        raise ValueError(f"no t quantile for probability {probability} and {degrees} degrees of freedom")
    if degrees == _CAUCHY:
        return math.tan(math.pi * (probability - 0.5))
    if degrees == _CLOSED_FORM:
        return (2 * probability - 1) / math.sqrt(2 * probability * (1 - probability))
    tails = 2 * min(probability, 1 - probability)
    return math.copysign(_hill(tails, float(degrees)), probability - 0.5)


def _hill(tails: float, n: float) -> float:
    """Hill's asymptotic inverse: the t that both tails together exceed with probability `tails`; names are his."""
    a = 1 / (n - 0.5)
    b = 48 / a**2
    c = ((20700 * a / b - 98) * a - 16) * a + 96.36
    d = ((94.5 / (b + c) - 3) / b + 1) * math.sqrt(a * math.pi / 2) * n
    y = (d * tails) ** (2 / n)
    if y > a + 0.05:
        x = NormalDist().inv_cdf(tails / 2)
        y = x * x
        if n < 5:  # noqa: PLR2004 Hill's own bound
            c += 0.3 * (n - 4.5) * (x + 0.6)
        c = (((0.05 * d * x - 5) * x - 7) * x - 2) * x + b + c
        y = (((((0.4 * y + 6.3) * y + 36) * y + 94.5) / c - y - 3) / b + 1) * x
        y = math.expm1(a * y * y)
    else:
        y = ((1 / (((n + 6) / (n * y) - 0.089 * d - 0.822) * (n + 2) * 3) + 0.5 / (n + 4)) * y - 1) * (n + 1) / (
            n + 2
        ) + 1 / y
    return math.sqrt(n * y)
