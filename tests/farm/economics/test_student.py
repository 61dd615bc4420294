import math
from statistics import NormalDist

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import t as student  # type: ignore[import-untyped]

from farm.economics.student import t_quantile


@pytest.mark.parametrize("degrees", [1, 2, 3, 4, 5, 7, 10, 30, 200, 5000])
@pytest.mark.parametrize("probability", [0.025, 0.75, 0.9, 0.975, 0.995])
def test_quantile_agrees_with_scipy(probability: float, degrees: int) -> None:
    """Every digit that a confidence interval shows is right."""
    assert t_quantile(probability, degrees) == pytest.approx(student.ppf(probability, degrees), rel=2e-5)


def test_quantile_agrees_with_the_printed_table() -> None:
    """The textbook value for ten degrees of freedom and 95 % in the middle."""
    assert t_quantile(0.975, 10) == pytest.approx(2.228, abs=5e-4)


@pytest.mark.parametrize("degrees", [1, 2, 3, 40])
def test_median_is_zero_and_the_sides_mirror(degrees: int) -> None:
    """The distribution is symmetric."""
    assert t_quantile(0.5, degrees) == pytest.approx(0, abs=1e-6)
    assert t_quantile(0.1, degrees) == pytest.approx(-t_quantile(0.9, degrees))


@pytest.mark.parametrize(("probability", "degrees"), [(0.0, 5), (1.0, 5), (math.nan, 5), (0.9, 0)])
def test_what_has_no_quantile_is_refused(probability: float, degrees: int) -> None:
    """A certain event has no finite bound, and no sample has no spread."""
    with pytest.raises(ValueError, match="no t quantile"):
        t_quantile(probability, degrees)


@given(st.floats(0.001, 0.998), st.floats(0.0005, 0.001), st.integers(1, 300))
def test_a_higher_probability_has_a_higher_quantile(probability: float, more: float, degrees: int) -> None:
    """Over all degrees of freedom: a wider interval is never the narrower one."""
    assert t_quantile(probability, degrees) < t_quantile(probability + more, degrees)


@given(st.floats(0.6, 0.999), st.integers(1, 200))
def test_more_samples_narrow_an_interval(probability: float, degrees: int) -> None:
    """Every further degree of freedom brings the bound nearer to the normal distribution's, and never below it."""
    near, nearer = t_quantile(probability, degrees), t_quantile(probability, degrees + 1)
    assert near >= nearer * (1 - 3e-5)
    assert nearer >= NormalDist().inv_cdf(probability) * (1 - 3e-5)
