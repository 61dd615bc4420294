"""Range expressions: 1-8, 1-100:10, 1,3,5-9."""

import re
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from farm.manifest.numbers import compact, parse_range


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("1-8", [1, 2, 3, 4, 5, 6, 7, 8]),
        ("1-100:10", [1, 11, 21, 31, 41, 51, 61, 71, 81, 91]),
        ("1,3,5-9", [1, 3, 5, 6, 7, 8, 9]),
        ("7", [7]),
        ("7-7", [7]),
        (" 1 - 3 , 9 ", [1, 2, 3, 9]),
        ("3,1", [3, 1]),
        ("1-5:7", [1]),
        ("0-1", [0, 1]),
    ],
)
def test_a_range_is_its_numbers(text: str, numbers: list[int]) -> None:
    """In the order written."""
    assert list(parse_range(text)) == numbers


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "must be whole numbers"),
        ("a", "must be whole numbers"),
        ("1-", "must be whole numbers"),
        ("-1", "must be whole numbers"),
        ("1--3", "must be whole numbers"),
        ("1.5-3", "must be whole numbers"),
        ("1,,3", "must be whole numbers"),
        ("1:2", "must be whole numbers"),
        ("8-1", "is empty: 8 comes after 1"),
        ("1-8:0", "step of 0"),
        ("1-" + "9" * 5000, "a number of 5000 digits"),
        ("1-9999999,20000000-29999999", "more than 5,000,000 numbers"),
    ],
)
def test_what_is_no_range(text: str, said: str) -> None:
    """The sentence shows the forms there are."""
    with pytest.raises(ValueError, match=re.escape(said)):
        parse_range(text)


def test_a_long_range_costs_nothing() -> None:
    """Its numbers are never written out."""
    numbers = parse_range("0-18446744073709551615")
    assert isinstance(numbers, range)
    assert numbers[-1] == 2**64 - 1


@given(st.lists(st.integers(0, 30), min_size=1, max_size=8))
def test_compact_keeps_the_numbers(numbers: list[int]) -> None:
    """Whatever becomes a range is the same numbers in the same order; what ascends evenly becomes one."""
    found = compact(numbers)
    assert list(found) == numbers
    steps = {later - sooner for sooner, later in pairwise(numbers)}
    assert isinstance(found, range) == (len(steps) <= 1 and all(step > 0 for step in steps))


@given(st.integers(0, 50), st.integers(0, 50), st.integers(1, 9))
def test_one_spelling_of_the_same_numbers(first: int, more: int, step: int) -> None:
    """However a range was written, the plan holds one form of it."""
    parsed = parse_range(f"{first}-{first + more}:{step}")
    listed = compact(list(parsed))
    assert isinstance(parsed, range)
    assert isinstance(listed, range)
    assert (parsed.start, parsed.stop, parsed.step) == (listed.start, listed.stop, listed.step)
