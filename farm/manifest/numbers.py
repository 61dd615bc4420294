"""Integer range expressions: ``1-8``, ``1-100:10``, ``1,3,5-9``."""

import re
from collections.abc import Sequence
from itertools import chain, pairwise

from farm.manifest.limits import TABLE_ROWS

_PART = re.compile(r"\s*(?P<first>\d+)\s*(?:-\s*(?P<last>\d+)\s*(?::\s*(?P<step>\d+)\s*)?)?")
#: Most digits of a number; 2**64 - 1 has twenty.
_DIGITS = 20


def parse_range(text: str) -> Sequence[int]:
    """The numbers of a range expression, a `range` wherever one can say it; one with commas is written out else.

    Raises:
        ValueError: it is none; a sentence that says what was expected.
    """
    parts = [_part(part) for part in text.split(",")]
    if len(parts) == 1:
        return parts[0]
    if sum(_length(part) for part in parts) > TABLE_ROWS:
        raise ValueError(f"{_short(text)} holds more than {TABLE_ROWS:,} numbers: write one range.")
    return compact(list(chain.from_iterable(parts)))


def _part(text: str) -> range:
    found = _PART.fullmatch(text)
    if not found:
        raise ValueError(f"must be whole numbers such as 7, 1-8, 1-100:10 or 1,3,5-9, and {_short(text)} is not.")
    words = [found["first"], found["last"] or found["first"], found["step"] or "1"]
    for word in words:
        if len(word) > _DIGITS:
            raise ValueError(f"holds a number of {len(word)} digits; {_DIGITS} are the most.")
    first, last, step = (int(word) for word in words)
    if first > last:
        raise ValueError(f"{_short(text)} is empty: {first} comes after {last}.")
    if step == 0:
        raise ValueError(f"{_short(text)} has a step of 0: it would never end.")
    return _canonical(first, last, step)


def _length(numbers: range) -> int:
    """`len` that does not overflow."""
    return (numbers.stop - numbers.start + numbers.step - 1) // numbers.step


def compact(numbers: Sequence[int]) -> Sequence[int]:
    """The same numbers as a `range` where they ascend evenly."""
    if isinstance(numbers, range):
        return numbers
    if len(numbers) == 1:
        return range(numbers[0], numbers[0] + 1)
    step = numbers[1] - numbers[0]
    even = step > 0 and all(later - sooner == step for sooner, later in pairwise(numbers))
    return _canonical(numbers[0], numbers[-1], step) if even else numbers


def _canonical(first: int, last: int, step: int) -> range:
    """The one spelling of these numbers: it stops behind the last of them, and a single one has a step of 1."""
    last = first + (last - first) // step * step
    return range(first, last + 1, step if last > first else 1)


def _short(text: str) -> str:
    return repr(text if len(text) <= 40 else f"{text[:36]} …")  # noqa: PLR2004 what fits a line
