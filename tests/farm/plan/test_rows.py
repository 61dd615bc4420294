"""Long axes and tables in Parquet parts: nothing lost, little kept in memory."""

import hashlib
import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from farm.manifest.columns import Metas, Texts
from farm.manifest.space import Factor
from farm.plan import rows as written
from farm.plan.rows import PART, PartColumn, Parts, Writer, cut, is_long

ROWS = st.fixed_dictionaries(
    {
        "prompt": st.text(st.characters(codec="utf-8"), max_size=8),
        "seed": st.one_of(st.none(), st.integers(0, 2**64 - 1)),
        "steps": st.integers(1, 150),
        "guidance_scale": st.one_of(st.none(), st.floats(0, 1000)),
        "custom_id": st.one_of(st.none(), st.text(max_size=3)),
        "meta": st.one_of(st.none(), st.dictionaries(st.text("ab", max_size=2), st.integers() | st.text(max_size=3))),
        "width": st.integers(8, 4096),
    }
)


def restore(writer: Writer, names: list[str]) -> Factor:
    """A factor read back from its parts."""
    own = Parts(writer.__getitem__, writer.bounds[0])
    return Factor({name: PartColumn(own, name) for name in names})


@settings(deadline=None, max_examples=60)
@given(st.lists(ROWS, min_size=1, max_size=20))
def test_parts_keep_every_value(rows: list[dict[str, Any]]) -> None:
    """Whatever a row may hold comes back as it was, seeds of 64 bits and missing values too."""
    factor = Factor({name: [row[name] for row in rows] for name in rows[0]})
    again = restore(Writer([factor]), list(rows[0]))
    assert [again.row(number) for number in range(len(rows))] == rows


def test_parts_are_the_same_bytes_every_time() -> None:
    """A plan is deterministic, and its parts with it."""
    factor = Factor({"prompt": [f"mug {number}" for number in range(50)]})
    assert list(Writer([factor])) == list(Writer([factor]))


def test_a_long_factor_is_read_by_the_part() -> None:
    """Going through all rows reads each part once; no more than a few are kept."""
    size = PART * 6 + 1
    parts = Writer([Factor({"prompt": [str(number) for number in range(size)], "seed": range(size)})])
    assert len(parts) == math.ceil(size / PART) == 7
    asked: list[int] = []

    def read(number: int) -> bytes:
        asked.append(number)
        return parts[number]

    own = Parts(read, parts.bounds[0])
    prompts, seeds = PartColumn(own, "prompt"), PartColumn(own, "seed")
    for row in (0, PART - 1, PART, 3 * PART, 6 * PART):
        assert (prompts[row], seeds[row]) == (str(row), row)
    assert asked == [0, 1, 3, 6]
    assert prompts[-1] == str(size - 1)
    assert list(prompts[PART - 1 : PART + 1]) == [str(PART - 1), str(PART)]
    assert own.load.cache_info().maxsize == 4
    with pytest.raises(IndexError):
        prompts[size]


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        ({"prompt": ["a"] * 1000}, False),
        ({"prompt": ["a"] * 1001}, True),
        ({"prompt": ["a" * 300_000]}, True),
        ({"seed": range(10_000_000)}, False),
        ({"seed": range(2000), "prompt": ["a"] * 2000}, True),
    ],
)
def test_what_is_too_long_for_the_plan_itself(columns: dict[str, Any], expected: bool) -> None:  # noqa: FBT001 a case
    """Many rows or much text go beside the plan; ranges never do."""
    assert is_long(Factor(columns)) is expected


def test_a_reordered_range_is_long() -> None:
    """With rows out of order, the user's numbers have to be kept."""
    assert is_long(Factor({"seed": range(2000)}, origin=list(reversed(range(2000)))))


@settings(deadline=None, max_examples=40)
@given(st.lists(ROWS, min_size=1, max_size=20), st.integers(1, 30))
def test_compact_columns_make_the_same_parts(rows: list[dict[str, Any]], size: int) -> None:
    """Texts in a block or in a list: the same bytes in the store; no part has more text than it may, but of one row."""
    plain = Factor({name: [row[name] for row in rows] for name in rows[0]})
    kinds = {"prompt": Texts, "custom_id": Texts, "meta": Metas}
    packed = Factor({name: kinds.get(name, list)(values) for name, values in plain.columns.items()})
    before, written.PART_BYTES = written.PART_BYTES, size
    try:
        writer = Writer([packed])
    finally:
        written.PART_BYTES = before
    assert [restore(writer, list(rows[0])).row(number) for number in range(len(rows))] == rows
    assert list(Writer([packed])) == list(Writer([plain]))
    lengths = [kind(plain.columns[name]).lengths() for name, kind in kinds.items()]
    texts = [sum(max(0, each[row]) for each in lengths) for row in range(len(rows))]
    for start, stop in zip(writer.bounds[0], writer.bounds[0][1:], strict=False):
        assert stop == start + 1 or sum(texts[start:stop]) <= size + 3 * (stop - start)


def test_parts_are_cut_by_rows_and_by_text() -> None:
    """So that no worker has to read ten thousand long prompts before its first image."""
    short = Factor({"prompt": Texts(["a mug"] * (2 * PART + 1))})
    assert cut(short) == [0, PART, 2 * PART, 2 * PART + 1]
    long = Factor({"prompt": ["m" * 3_000_000] * 5, "seed": range(5)})
    assert cut(long) == [0, 2, 4, 5]


def test_a_part_is_encoded_when_it_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its hash is remembered, its bytes are not."""
    made: list[int] = []
    encode = written._encoded

    def counted(factor: Factor, start: int, stop: int) -> bytes:
        made.append(start)
        return encode(factor, start, stop)

    monkeypatch.setattr(written, "_encoded", counted)
    writer = Writer([Factor({"seed": list(range(5)) * PART})])
    assert (len(writer), made) == (5, [])
    data = writer[2]
    assert made == [2 * PART]
    assert writer.sha256(2) == hashlib.sha256(data).hexdigest()
    assert made == [2 * PART]
    assert len(writer.sha256(3)) == 64
    assert made == [2 * PART, 3 * PART]
