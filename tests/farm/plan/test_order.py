"""Positions by arithmetic, against sorting the whole product."""

from itertools import product
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from farm.manifest.space import Factor
from farm.plan.order import Order, arrange

_ROWS = st.tuples(st.sampled_from([64, 128]), st.sampled_from([10, 20, 30]), st.integers(0, 1))


@st.composite
def factors(draw: st.DrawFn) -> list[Factor]:
    """Up to three factors that hold a group field, a batch field, another field, or all of them."""
    kinds = draw(st.lists(st.sets(st.sampled_from([0, 1, 2]), min_size=1), min_size=1, max_size=3))
    names = ("width", "steps", "seed")
    found = []
    for kind in kinds:
        rows = draw(st.lists(_ROWS, min_size=1, max_size=6))
        found.append(Factor({names[i]: [row[i] for row in rows] for i in sorted(kind)}))
    return found


def keys(factor: Factor, row: int) -> tuple[Any, Any]:
    """The parts of a row that decide its group and its batch."""
    values = factor.row(row)
    return values.get("width"), values.get("steps")


@settings(deadline=None, max_examples=80)
@given(factors())
def test_every_row_is_kept(given_factors: list[Factor]) -> None:
    """Arranging reorders rows and remembers where the user had them."""
    for factor in given_factors:
        arranged, bounds = arrange(factor)
        assert sorted(arranged.offset(row) for row in range(len(factor))) == list(range(len(factor)))
        assert all(arranged.row(row) == factor.row(arranged.offset(row)) for row in range(len(factor)))
        flat = [bound for each in bounds for bound in each]
        assert (flat[0], flat[-1]) == (0, len(factor))
        assert flat == sorted(flat)


@settings(deadline=None, max_examples=80)
@given(factors())
def test_locating_is_a_permutation_in_key_order(given_factors: list[Factor]) -> None:
    """Every combination of rows has one position; group keys and batch keys never come back once left."""
    arranged = [arrange(factor) for factor in given_factors]
    ordered = [factor for factor, _ in arranged]
    order = Order([bounds for _, bounds in arranged])
    spots = [order.locate(position) for position in range(len(order))]
    assert sorted(spot.rows for spot in spots) == sorted(product(*(range(len(factor)) for factor in ordered)))
    seen: list[Any] = []
    for position, spot in enumerate(spots):
        found = [keys(factor, row) for factor, row in zip(ordered, spot.rows, strict=True)]
        key = (tuple(group for group, _ in found), tuple(batch for _, batch in found))
        if not seen or seen[-1] != key:
            assert key not in seen
            seen.append(key)
            assert spot.start == position
        assert spot.start <= position < spot.stop
        assert spot.group == order.group(position)
    assert len(spots) == spots[-1].stop


def test_rows_in_order_are_left_alone() -> None:
    """A factor that needs no sorting keeps its columns, so that a range stays one."""
    seeds = Factor({"seed": range(5)})
    assert arrange(seeds) == (seeds, ((0, 5),))
    steps = Factor({"steps": [30, 20]})
    assert arrange(steps) == (steps, ((0, 1, 2),))


def test_a_table_is_sorted_by_first_appearance() -> None:
    """Sizes first, steps inside a size, and the user's order inside both."""
    table = Factor({"width": [64, 128, 64, 64], "steps": [20, 20, 10, 20], "seed": [0, 1, 2, 3]})
    arranged, bounds = arrange(table)
    assert [arranged.row(row)["seed"] for row in range(4)] == [0, 3, 2, 1]
    assert list(arranged.origin or ()) == [0, 3, 2, 1]
    assert bounds == ((0, 2, 3), (3, 4))


@pytest.mark.parametrize("position", [-1, 6])
def test_no_position_outside(position: int) -> None:
    """The order has as many positions as the product has combinations."""
    order = Order([((0, 2),), ((0, 3),)])
    assert len(order) == 6
    with pytest.raises(IndexError):
        order.locate(position)
