from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from farm.economics.cost import Bill, ratio, usd


def test_cost_is_hours_times_price() -> None:
    """Half an hour at 3 an hour is 1.5."""
    assert usd(1800, 3.0) == pytest.approx(1.5)


def test_no_price_is_no_cost() -> None:
    """A price that nobody set is never taken for zero; a price of zero is a price."""
    assert usd(1800, None) is None
    assert usd(1800, 0.0) == 0.0


@pytest.mark.parametrize(("amount", "parts", "expected"), [(6.0, 3, 2.0), (None, 3, None), (6.0, 0, None)])
def test_ratio_needs_an_amount_and_a_part(amount: float | None, parts: int, expected: float | None) -> None:
    """Nothing is divided by no images."""
    assert ratio(amount, parts) == expected


def test_bill_adds_up_workers_of_different_prices() -> None:
    """Every worker counts at its own price."""
    bill = Bill()
    bill.add(3600, 2.0)
    bill.add(1800, 4.0)
    assert bill == Bill(seconds=5400, usd=4.0, unpriced_s=0.0)


def test_bill_tells_unpriced_seconds_apart() -> None:
    """Seconds of a worker without a price are counted and said, and cost nothing."""
    bill = Bill()
    bill.add(100, None)
    assert bill.usd is None
    bill.add(3600, 1.0)
    assert bill == Bill(seconds=3700, usd=1.0, unpriced_s=100)


_USES = st.lists(st.tuples(st.integers(0, 10_000), st.none() | st.integers(0, 50)), max_size=8)


@given(_USES, st.randoms(use_true_random=False))
def test_a_bill_is_the_same_in_any_order(uses: list[tuple[int, int | None]], chance: Random) -> None:
    """Records are read as they come: seconds and cost do not depend on it, and no second is left out."""
    first, second = Bill(), Bill()
    for bill, listed in ((first, uses), (second, chance.sample(uses, len(uses)))):
        for seconds, price in listed:
            bill.add(seconds, price)
    assert (first.seconds, first.unpriced_s) == (second.seconds, second.unpriced_s)
    assert first.usd == pytest.approx(second.usd)
    assert first.seconds == sum(seconds for seconds, _ in uses)
    assert (first.usd is None) == all(price is None for _, price in uses)
    assert first.unpriced_s == sum(seconds for seconds, price in uses if price is None)
