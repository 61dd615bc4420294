import math

import pytest
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
