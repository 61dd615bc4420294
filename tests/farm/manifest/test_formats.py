"""Prompt files and tables as people's programs write them."""

import csv
import io
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from farm.errors import ManifestError
from farm.manifest.formats import READERS, Rows, open_rows, read_text

Write = Callable[[str, str | bytes], Path]
_CELL = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=6)


def read(table: Rows) -> tuple[dict[str, list[Any]], list[int]]:
    """The cells of a table by column, None where a row lacks one, and the line of each row."""
    rows = list(table.rows)
    columns = dict.fromkeys(name for _, cells in rows for name in cells)
    return {name: [cells.get(name) for _, cells in rows] for name in columns}, [line for line, _ in rows]


def lines_of(text: str, newline: str | None = None) -> Any:
    """The lines of a text as a file would give them."""
    return iter(io.TextIOWrapper(io.BytesIO(text.encode()), encoding="utf-8", newline=newline))


@pytest.mark.parametrize(
    ("name", "text", "columns", "lines"),
    [
        ("a.txt", "one\ntwo\n", {"prompt": ["one", "two"]}, [1, 2]),
        ("a.txt", "\ufeffone\r\n\r\n  two  \r\n", {"prompt": ["one", "two"]}, [1, 3]),
        ("a.txt", "one\rtwo", {"prompt": ["one", "two"]}, [1, 2]),
        ("a.txt", 'a, b: "c"\n# no comment', {"prompt": ['a, b: "c"', "# no comment"]}, [1, 2]),
        ("a.txt", "one\u2028still one", {"prompt": ["one\u2028still one"]}, [1]),
        ("a.csv", "prompt,seed\na,1\nb,2\n", {"prompt": ["a", "b"], "seed": ["1", "2"]}, [2, 3]),
        ("a.csv", "\ufeffprompt,seed\r\na,1\r\n", {"prompt": ["a"], "seed": ["1"]}, [2]),
        ("a.csv", 'prompt\n"a ""b"", c"\n', {"prompt": ['a "b", c']}, [2]),
        ("a.csv", 'prompt,n\n"two\nlines",1\nb,2\n', {"prompt": ["two\nlines", "b"], "n": ["1", "2"]}, [2, 4]),
        ("a.csv", 'prompt,n\r\n"two\r\nlines",1\r\n', {"prompt": ["two\r\nlines"], "n": ["1"]}, [2]),
        ("a.csv", "\n\nprompt,n\n\na,1\n,\n", {"prompt": ["a"], "n": ["1"]}, [5]),
        ("a.csv", " prompt , n \na, 1\n", {"prompt": ["a"], "n": [" 1"]}, [2]),
        ("A.CSV", "prompt\na\n", {"prompt": ["a"]}, [2]),
        ("a.tsv", "prompt\tn\na, b\t1\n", {"prompt": ["a, b"], "n": ["1"]}, [2]),
        ("a.jsonl", '{"prompt": "a"}\n\n{"prompt": "b", "n": 1}\n', {"prompt": ["a", "b"], "n": [None, 1]}, [1, 3]),
        ("a.jsonl", '\ufeff{"prompt": "\\u00e9"}\r\n', {"prompt": ["é"]}, [1]),
    ],
)
def test_a_table_and_the_lines_of_its_rows(
    write: Write, name: str, text: str, columns: dict[str, list[object]], lines: list[int]
) -> None:
    """A byte order mark, carriage returns, quotes, commas and newlines in cells: all as their programs mean them."""
    assert read(open_rows(write(name, text), name)) == (columns, lines)


@pytest.mark.parametrize(
    ("name", "text", "line", "said"),
    [
        ("a.txt", "", None, "is empty"),
        ("a.txt", " \n\r\n\t\n", None, "is empty"),
        ("a.csv", "", None, "is empty"),
        ("a.csv", "prompt,seed\n", None, "is empty"),
        ("a.csv", "prompt,seed\na,1,2\n", 2, "3 cells, and the header has 2"),
        ("a.csv", "prompt,seed\na,1\nred, big,2\n", 3, "quote cells that hold a comma"),
        ("a.csv", "prompt,seed\na\n", 2, "1 cells, and the header has 2"),
        ("a.csv", 'prompt\n"a\nb', 2, "begins with a quote and never ends"),
        ("a.csv", 'prompt\n"a"b\n', 2, "a quote inside a quoted cell is written twice"),
        (
            "a.csv",
            "prompt\n" + "a" * 200_000,
            2,
            "a cell has more than 131,072 characters: is its closing quote missing?",
        ),
        ("a.csv", "prompt,prompt\na,b\n", 1, "'prompt' is there twice"),
        ("a.csv", "prompt,\na,b\n", 1, "a column has no name"),
        ("a.jsonl", "", None, "is empty"),
        ("a.jsonl", '{"prompt": "a"}\n[1]\n', 2, "must be a JSON object"),
        ("a.jsonl", '{"prompt": "a"}\n\n{"prompt": \n', 3, "no JSON"),
        ("a.jsonl", '{"prompt": "a", "prompt": "b"}\n', 1, "there twice"),
        ("a.jsonl", '{"prompt": "\\ud83d"}\n', 1, "half of a surrogate pair"),
        ("a.jsonl", '{"prompt": "a", "x": NaN}\n', 1, "NaN is no JSON value"),
        ("a.txt", b"one\ntwo\n\xff\n", 3, "not UTF-8"),
        ("a.csv", "prompt\n\u00e9".encode("latin-1"), 2, "not UTF-8"),
        ("a.txt", "one".encode("utf-16"), 1, "not UTF-8"),
    ],
)
def test_a_bad_row_has_its_line(write: Write, name: str, text: str | bytes, line: int | None, said: str) -> None:
    """Nothing is guessed at and nothing is skipped."""
    with pytest.raises(ManifestError) as caught:
        read(open_rows(write(name, text), name))
    assert caught.value.file == name
    assert caught.value.line == line
    assert said in caught.value.message


def test_what_is_no_file(tmp_path: Path) -> None:
    """A missing file, a folder, a device and a foreign suffix each have their sentence."""
    (tmp_path / "folder.txt").mkdir()
    for path, said in (
        (tmp_path / "none.txt", "there is no such file"),
        (tmp_path / "folder.txt", "is no file"),
        (Path("/dev/zero"), "is none of .txt, .csv"),
        (tmp_path / "a.docx", "is none of .txt, .csv"),
    ):
        with pytest.raises(ManifestError, match=said):
            open_rows(path, path.name)
    with pytest.raises(ManifestError, match="is no file"):
        read_text(Path("/dev/zero"), "zero", limit=10, hint="")


@given(st.lists(st.lists(_CELL, min_size=2, max_size=2), min_size=1, max_size=5), st.sampled_from(["\n", "\r\n"]))
def test_what_csv_writes_is_read_back(rows: list[list[str]], ending: str) -> None:
    """Whatever cells hold, a table written by Python's csv comes back with every row that is not blank."""
    stream = io.StringIO(newline="")
    csv.writer(stream, lineterminator=ending, quoting=csv.QUOTE_ALL).writerows([["prompt", "n"], *rows])
    kept = [row for row in rows if any(cell.strip() for cell in row)]
    if not kept:
        return
    columns, _ = read(READERS[".csv"](lines_of(stream.getvalue(), newline=""), "a.csv"))
    assert [list(row) for row in zip(columns["prompt"], columns["n"], strict=True)] == kept


@given(st.lists(st.dictionaries(st.text("ab", min_size=1, max_size=2), st.integers() | _CELL, min_size=1), min_size=1))
def test_rows_of_json_keep_their_cells(rows: list[dict[str, object]]) -> None:
    """Each under its own name, whatever names the other rows have; None where a row lacks one."""
    columns, lines = read(READERS[".jsonl"](lines_of("\n".join(json.dumps(row) for row in rows)), "a.jsonl"))
    assert len(lines) == len(rows)
    for number, row in enumerate(rows):
        cells = {name: values[number] for name, values in columns.items()}
        assert {name: cell for name, cell in cells.items() if cell is not None} == row


@given(st.lists(st.text(st.characters(codec="utf-8"), max_size=8), max_size=6))
def test_a_plain_list_is_its_lines(lines: list[str]) -> None:
    """Without blank ones and without the space around; no prompt is lost or joined to another."""
    text = "\n".join(lines)
    expected = [line.strip() for line in re.split(r"\r\n|\r|\n", text) if line.strip()]
    if expected:
        assert read(READERS[".txt"](lines_of(text), "a.txt"))[0]["prompt"] == expected
