"""Compact columns are sequences like any other, and take little more than their texts."""

import tracemalloc
from array import array
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from farm.manifest.columns import Metas, Texts, take

_TEXTS = st.lists(st.none() | st.text(st.characters(codec="utf-8"), max_size=5), max_size=12)
_JSON = st.none() | st.integers() | st.text(st.characters(codec="utf-8"), max_size=3) | st.lists(st.booleans())
_METAS = st.lists(st.none() | st.dictionaries(st.text("abc", max_size=2), _JSON, max_size=3), max_size=8)


@given(_TEXTS, st.data())
def test_texts_are_a_sequence(texts: list[str | None], data: st.DataObject) -> None:
    """By index, by slice, one after the other and in another order: what was put in comes out."""
    column = Texts(texts)
    assert list(column) == texts == column
    assert [column[row] for row in range(len(column))] == texts
    start, stop = data.draw(st.integers(0, 12)), data.draw(st.integers(0, 12))
    assert column[start:stop] == texts[start:stop]
    rows = data.draw(st.permutations(range(len(texts))))
    assert list(take(column, rows)) == [texts[row] for row in rows]
    assert [max(0, size) for size in column.lengths()] == [len((text or "").encode()) for text in texts]
    assert [size < 0 for size in column.lengths()] == [text is None for text in texts]


@given(_METAS)
def test_mappings_are_kept_as_they_were(metas: list[dict[str, Any] | None]) -> None:
    """The order of their keys too."""
    column = Metas(metas)
    assert list(column) == metas
    assert [list(each or ()) for each in column] == [list(each or ()) for each in metas]
    assert list(take(column, range(len(metas)))) == metas


def test_a_mapping_that_json_cannot_hold_is_refused() -> None:
    """Infinity is read from 1e999, and cannot be written."""
    with pytest.raises(ValueError, match="JSON"):
        Metas([{"a": float("inf")}])


def test_a_million_texts_take_their_bytes() -> None:
    """Twelve bytes a row on top, where Python's own strings take fifty and more; equal ones share theirs."""
    tracemalloc.start()
    column = Texts("a mug on a table" for _ in range(100_000))
    assert tracemalloc.get_traced_memory()[0] < 2_000_000
    different = Texts(f"mug {row:06}" for row in range(100_000))
    used = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert used < 5_000_000
    assert (len(column), different[99_999]) == (100_000, "mug 099999")


@given(st.lists(st.integers(0, 2**64 - 1), min_size=1, max_size=9), st.data())
def test_numbers_stay_as_compact_as_they_are(numbers: list[int], data: st.DataObject) -> None:
    """A list, an array and a range give the rows asked for."""
    rows = data.draw(st.lists(st.integers(0, len(numbers) - 1), max_size=9))
    expected = [numbers[row] for row in rows]
    assert take(numbers, rows) == expected
    assert take(array("Q", numbers), rows) == array("Q", expected)
    assert list(take(range(5, 5 + 3 * len(numbers), 3), rows)) == [5 + 3 * row for row in rows]
