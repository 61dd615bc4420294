import json
import tempfile
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from farm.report.ordered import Lines


def frame(indexes: list[int], text: str = "") -> pl.DataFrame:
    """Lines that say their index."""
    lines = [json.dumps([index, text], ensure_ascii=False) for index in indexes]
    return pl.DataFrame({"index": indexes, "line": lines}, schema={"index": pl.Int64, "line": pl.String})


def read(lines: Lines) -> list[int]:
    """The indexes in the order they are given back."""
    return [json.loads(line)[0] for line in b"".join(lines.pieces()).splitlines()]


@settings(deadline=None, max_examples=40)
@given(st.permutations(range(60)), st.integers(1, 70), st.integers(1, 70), st.integers(1, 30))
def test_lines_come_back_in_order(order: list[int], held: int, window: int, chunk: int) -> None:
    """However they came, in memory or on disk, in windows of any length."""
    with Lines(held=held, window=window) as lines:
        for at in range(0, len(order), chunk):
            lines.add(frame(order[at : at + chunk]))
        assert read(lines) == list(range(60))
        assert lines.written == 60


def test_gaps_are_no_lines() -> None:
    """Failed tasks are few among many: a window without one is nothing."""
    with Lines(held=2, window=3) as lines:
        lines.add(frame([90, 4]))
        lines.add(frame([50]))
        assert read(lines) == [4, 50, 90]


def test_of_two_with_one_index_the_first_counts() -> None:
    """A task's own failure was said before its group's, wherever the two are kept."""
    for held in (1, 100):
        with Lines(held=held) as lines:
            lines.add(frame([3], "its own"))
            lines.add(frame([2, 3, 4], "the group's"))
            found = [json.loads(line) for line in b"".join(lines.pieces()).splitlines()]
        assert found == [[2, "the group's"], [3, "its own"], [4, "the group's"]]
        assert lines.written == 3


def test_a_line_is_kept_as_it_is() -> None:
    """Quotes, commas and other alphabets are not CSV's to change."""
    text = 'a "b", c;\t猫 \\ \u2028'
    with Lines() as lines:
        lines.add(frame([0], text))
        assert json.loads(b"".join(lines.pieces()).decode().rstrip("\n")) == [0, text]


def test_nothing_is_nothing() -> None:
    """A job without failures has an empty file of errors."""
    with Lines() as lines:
        assert list(lines.pieces()) == []
        lines.add(frame([]))
        assert b"".join(lines.pieces()) == b""


def test_the_disk_is_clean_afterwards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where the block ends in an error."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))

    def broken() -> None:
        with Lines(held=1) as lines:
            lines.add(frame([1, 2]))
            assert len(list(tmp_path.rglob("*.parquet"))) == 1
            raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        broken()
    assert list(tmp_path.iterdir()) == []
