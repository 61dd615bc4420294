import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.bench.interval import mean_interval, ratio_interval

POSITIVE = st.floats(min_value=1e-3, max_value=1e3)


def test_the_interval_of_a_mean_is_students() -> None:
    """Five values with a standard deviation of 1.5811: t(0.975, 4) is 2.776."""
    found = mean_interval([1, 2, 3, 4, 5])
    half = 2.7764 * math.sqrt(2.5) / math.sqrt(5)
    assert [found.low, found.middle, found.high] == pytest.approx([3 - half, 3, 3 + half], rel=1e-4)
    assert str(found) == "3.000 (1.037 to 4.963, n=5)"


def test_a_ratio_is_the_geometric_mean() -> None:
    """Twice as fast and half as fast are, together, as fast."""
    assert ratio_interval([(2, 1), (1, 2)]).middle == pytest.approx(1)


def test_pairs_that_agree_leave_no_doubt() -> None:
    """What slows down both of a pair changes nothing."""
    found = ratio_interval([(9.3, 10), (18.6, 20), (93, 100)])
    assert [found.low, found.high] == pytest.approx([0.93, 0.93])


@given(st.lists(st.tuples(POSITIVE, POSITIVE), min_size=2, max_size=9))
def test_the_other_way_round_is_the_inverse(pairs: list[tuple[float, float]]) -> None:
    """Farm over bare loop says the same as bare loop over farm."""
    found, other = ratio_interval(pairs), ratio_interval([(second, first) for first, second in pairs])
    assert found.low <= found.middle <= found.high
    assert found.middle == pytest.approx(1 / other.middle)
    assert found.n == len(pairs)


@pytest.mark.parametrize("pairs", [[], [(1.0, 1.0)], [(1.0, 0.0), (1.0, 1.0)], [(-1.0, 1.0), (1.0, 1.0)]])
def test_what_has_no_interval_is_refused(pairs: list[tuple[float, float]]) -> None:
    """One pair says nothing of its own spread, and a time is positive."""
    with pytest.raises(ValueError, match=r"interval|ratio"):
        ratio_interval(pairs)
