"""A table is checked while it is read, row by row, and kept by the column."""

from array import array
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from farm.errors import ManifestError
from farm.manifest.columns import Metas, Texts
from farm.manifest.formats import Row, Rows, open_rows
from farm.manifest.tables import table_columns

Write = Callable[[str, str | bytes], Path]

_ROWS = st.lists(
    st.fixed_dictionaries(
        {"prompt": st.sampled_from(["a", "b"])},
        optional={
            "seed": st.integers(0, 2**64 - 1),
            "steps": st.integers(1, 150),
            "size": st.sampled_from(["64x128", "8x16"]),
            "custom_id": st.text("xyz", min_size=1, max_size=2),
            "tag": st.none() | st.integers(),
            "meta": st.dictionaries(st.sampled_from("ab"), st.integers(), max_size=2),
        },
    ),
    min_size=1,
    max_size=9,
)


def rows(*cells: dict[str, Any]) -> Rows:
    """Rows of a ``.jsonl``."""
    return Rows("tasks.jsonl", list(cells[0]), enumerate(cells, start=1))


@given(_ROWS)
def test_every_cell_is_in_its_row(cells: list[dict[str, Any]]) -> None:
    """Whichever columns a row lacks, and wherever a column first appears."""
    columns = table_columns(rows(*cells), set(), [])
    for number, row in enumerate(cells):
        found = {name: values[number] for name, values in columns.items()}
        expected = {name: row.get(name) for name in ("prompt", "seed", "steps", "custom_id")}
        assert {name: found.get(name) for name in expected} == expected
        size = f"{found['width']}x{found['height']}" if found.get("width") else None
        assert size == row.get("size")
        carried = {"tag": row["tag"]} if row.get("tag") is not None else {}
        assert found.get("meta", {}) == carried | row.get("meta", {})
    assert {len(values) for values in columns.values()} == {len(cells)}


def test_columns_are_compact() -> None:
    """Texts in one block, seeds in eight bytes, and equal values of other fields one object."""
    cells = [
        {"prompt": f"mug {n}", "seed": n * n, "size": "512x512", "guidance_scale": 7.25, "tag": n} for n in range(9)
    ]
    columns = table_columns(rows(*cells), set(), [])
    assert isinstance(columns["prompt"], Texts)
    assert isinstance(columns["meta"], Metas)
    assert columns["seed"] == array("Q", [n * n for n in range(9)])
    assert len({id(value) for value in columns["guidance_scale"]}) == 1


def test_seeds_that_some_rows_lack_are_a_list() -> None:
    """None has no place among numbers of eight bytes."""
    assert table_columns(rows({"prompt": "a", "seed": 7}, {"prompt": "b"}), set(), [])["seed"] == [7, None]


def test_the_first_wrong_row_ends_the_reading() -> None:
    """A million rows behind it are not looked at."""
    read: list[int] = []

    def endless() -> Iterator[Row]:
        for line in range(1, 1_000_000):
            read.append(line)
            yield line, {"prompt": "a", "steps": 0 if line == 3 else 20}

    with pytest.raises(ManifestError, match=r"tasks\.jsonl:3: steps: must be a whole number"):
        table_columns(Rows("tasks.jsonl", ["prompt", "steps"], endless()), set(), [])
    assert read == [1, 2, 3]


def test_a_wrong_header_is_said_before_any_row() -> None:
    """Of files that have one."""

    def never() -> Iterator[Row]:
        pytest.fail("a row was read")
        yield 1, {}

    with pytest.raises(ManifestError, match="has no column 'prompt'"):
        table_columns(Rows("tasks.csv", ["title", "seed"], never()), set(), [])
    with pytest.raises(ManifestError, match="without a column height"):
        table_columns(Rows("tasks.csv", ["prompt", "width"], never()), set(), [])


def test_a_prompt_that_comes_too_late_is_missing_in_the_first_row() -> None:
    """The line named is that of the row that lacks it."""
    cells: Iterator[Row] = iter([(4, {"seed": 1}), (5, {"prompt": "a"})])
    with pytest.raises(ManifestError, match=r"tasks\.jsonl:4: prompt: this row has no prompt"):
        table_columns(Rows("tasks.jsonl", ["seed"], cells), set(), [])


@pytest.mark.parametrize("late", ["steps", "sample_steps"])
def test_two_names_of_one_field_in_different_rows(late: str) -> None:
    """Nobody can say which one is meant."""
    cells = [{"prompt": "a", "num_inference_steps": 20}, {"prompt": "b", late: 30}]
    with pytest.raises(ManifestError, match=f"{late}: means the same as num_inference_steps"):
        table_columns(rows(*cells), set(), [])


def test_what_cannot_be_carried_is_refused(write: Write) -> None:
    """1e999 is read as infinity, which no results file can hold."""
    path = write("tasks.jsonl", '{"prompt": "a"}\n{"prompt": "b", "weight": 1e999}\n')
    with pytest.raises(ManifestError, match=r"tasks\.jsonl:2: holds what JSON cannot"):
        table_columns(open_rows(path, "tasks.jsonl"), set(), [])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "# mugs\nred\n#blue\n",
            "2 lines begin with # and are prompts in mugs.txt: a list of prompts has no comments.",
        ),
        ("a\n # b\n", "1 line begins with # and is a prompt in mugs.txt: a list of prompts has no comments."),
        ("a # b\n", None),
    ],
)
def test_lines_that_look_like_comments_are_counted(write: Write, text: str, said: str | None) -> None:
    """They are prompts, and their writer may have meant something else."""
    notes: list[str] = []
    columns = table_columns(open_rows(write("mugs.txt", text), "mugs.txt"), set(), notes)
    assert len(columns["prompt"]) == len(text.splitlines())
    assert notes == ([said] if said else [])
