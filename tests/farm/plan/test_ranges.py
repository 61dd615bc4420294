"""Ranges as messages, halves of ranges, and batches inside them."""

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from farm.plan.plan import Plan
from farm.plan.ranges import WorkRange, batches


@settings(deadline=None)
@given(st.integers(0, 1000), st.integers(1, 1000))
def test_halves_are_the_whole(start: int, length: int) -> None:
    """Nothing lost, nothing twice, and both about as long; a single task stays what it is."""
    whole = WorkRange("job", start, start + length)
    halves = list(whole.halves())
    assert [position for half in halves for position in range(half.start, half.stop)] == list(
        range(whole.start, whole.stop)
    )
    assert len(halves) == min(2, length)
    assert max(len(half) for half in halves) - min(len(half) for half in halves) <= 1


def test_a_message_is_three_values() -> None:
    """What travels is the job and two positions."""
    rng = WorkRange("mugs-1", 32, 64)
    assert rng.to_message() == ("mugs-1", 32, 64)
    assert WorkRange(*rng.to_message()) == rng
    assert str(rng) == "mugs-1[32:64]"
    assert len(rng) == 32


@pytest.mark.parametrize(
    ("start", "stop", "size", "expected"),
    [
        (0, 8, 4, [(0, 4), (4, 5), (5, 8)]),
        (0, 10, 8, [(0, 5), (5, 10)]),
        (3, 7, 8, [(3, 5), (5, 7)]),
        (4, 5, 8, [(4, 5)]),
        (2, 2, 8, []),
    ],
)
def test_batches_are_cut_where_the_key_changes(
    plan_of: Callable[..., Plan], start: int, stop: int, size: int, expected: list[tuple[int, int]]
) -> None:
    """Five seeds at 20 steps, then five at 30: no batch holds both."""
    plan = plan_of(seed="1-5", steps=[20, 30])
    assert list(batches(plan, start, stop, size)) == expected
