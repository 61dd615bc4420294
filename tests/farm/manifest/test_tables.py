"""Columns of a table: fields of tasks, labels, and what is carried as meta."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from farm.errors import ManifestError
from farm.manifest.model import Manifest, load

Write = Callable[[str, str | bytes], Path]
Rows = Callable[..., list[dict[str, Any]]]


def submitted(path: Path, *overrides: str) -> Manifest:
    """The table as a manifest, with a model."""
    return load(path, overrides=["render.model=org/thing", *overrides])


def test_columns_are_fields(write: Write, rows_of: Rows) -> None:
    """Every column that is a field becomes one, typed; an empty cell is one that nobody gave."""
    text = (
        "prompt,seed,sample_steps,size,guidance_scale,scheduler,negative_prompt,custom_id\n"
        'a mug,7,20,512x768,5.5,Euler a,blurry,one\n"a cup",,,,,,,\n'
    )
    manifest = submitted(write("tasks.csv", text))
    names = (
        "prompt",
        "seed",
        "steps",
        "width",
        "height",
        "guidance_scale",
        "scheduler",
        "negative_prompt",
        "custom_id",
    )
    first, second = rows_of(manifest, *names)
    assert tuple(first.values()) == ("a mug", 7, 20, 512, 768, 5.5, "euler-a", "blurry", "one")
    assert tuple(second.values()) == ("a cup", None, None, None, None, None, "default", "", None)
    assert manifest.notes == []


def test_unknown_columns_are_carried_and_named_once(write: Write, rows_of: Rows) -> None:
    """Into meta, with their own types in JSON; a row without one does not carry it."""
    path = write(
        "tasks.jsonl", '{"prompt": "a", "tag": "x", "n": [1]}\n{"prompt": "b", "meta": {"tag": "own", "m": 1}}\n'
    )
    manifest = submitted(path)
    assert [row["meta"] for row in rows_of(manifest, "meta")] == [{"tag": "x", "n": [1]}, {"tag": "own", "m": 1}]
    (note,) = manifest.notes
    assert note == f"Carried as meta from {path}: tag, n."


def test_the_manifests_own_meta_is_under_that_of_a_row(write: Write, rows_of: Rows) -> None:
    """A row's value wins over the job's."""
    path = write("tasks.jsonl", '{"prompt": "a", "tag": "x"}\n{"prompt": "b"}\n')
    manifest = submitted(path, "render.meta={tag: all, owner: me}")
    assert [row["meta"] for row in rows_of(manifest, "meta")] == [
        {"tag": "x", "owner": "me"},
        {"tag": "all", "owner": "me"},
    ]


def test_a_setting_outranks_a_column(write: Write, rows_of: Rows) -> None:
    """What is said on the command line is meant, size and edges included."""
    path = write("tasks.csv", "prompt,steps,size\na,8,64x64\n")
    manifest = submitted(path, "render.steps=20", "render.width=128", "render.height=256")
    assert rows_of(manifest, "steps", "width", "height") == [{"steps": 20, "width": 128, "height": 256}]


def test_a_table_times_an_axis(write: Write, rows_of: Rows) -> None:
    """An axis from the command line multiplies the rows."""
    manifest = submitted(write("prompts.txt", "a\nb\n"), "render.seed=1-2")
    assert [(row["prompt"], row["seed"]) for row in rows_of(manifest, "prompt", "seed")] == [
        ("a", 1),
        ("a", 2),
        ("b", 1),
        ("b", 2),
    ]


@pytest.mark.parametrize(
    ("name", "text", "place", "said"),
    [
        ("a.csv", "prompt,seed\na,1\nb,x\n", (3, "seed"), "'x' is not"),
        ("a.csv", "prompt,seed\na," + "9" * 10_000 + "\n", (2, "seed"), "10000 digits"),
        ("a.csv", "prompt,Steps\na,0\n", (2, "Steps"), "from 1 to 150"),
        ("a.csv", "prompt,seed\n,1\n", (2, "prompt"), "this row has no prompt"),
        ("a.csv", "title,seed\na,1\n", (None, None), "has no column 'prompt': its columns are title, seed."),
        ("a.csv", "promt,seed\na,1\n", (None, None), "did you mean 'promt'?"),
        ("a.csv", "prompt,steps,sample_steps\na,1,2\n", (None, "sample_steps"), "means the same as steps"),
        ("a.csv", "prompt,width\na,64\n", (None, "width"), "is given without a column height"),
        ("a.csv", "prompt,image\na,b.png\n", (None, "image"), "image is known but not supported yet: remove it"),
        ("a.jsonl", '{"prompt": "a"}\n{"seed": 1}\n', (2, "prompt"), "this row has no prompt"),
        ("a.jsonl", '{"prompt": "a"}\n{"prompt": 5}\n', (2, "prompt"), "must be text, and 5 is not"),
        ("a.jsonl", '{"prompt": "a", "seed": 1.5}\n', (1, "seed"), "1.5 is not"),
        ("a.jsonl", '{"prompt": "a", "meta": "x"}\n', (1, "meta"), "must be a mapping"),
        ("a.jsonl", '{"prompt": "a", "custom_id": [1]}\n', (1, "custom_id"), "must be text"),
        ("a.jsonl", '{"prompt": "a", "scheduler": "eular"}\n', (1, "scheduler"), "did you mean euler"),
    ],
)
def test_a_bad_row(write: Write, name: str, text: str, place: tuple[int | None, str | None], said: str) -> None:
    """The table, the line and the column are named."""
    path = write(name, text)
    with pytest.raises(ManifestError) as caught:
        submitted(path)
    assert (caught.value.file, caught.value.line, caught.value.field) == (str(path), *place)
    assert said in caught.value.message


def test_a_prompt_file_on_an_axis(write: Write, render_of: Callable[..., Manifest], rows_of: Rows) -> None:
    """One column is the axis; the others travel with it as meta, fields or not."""
    path = write("prompts.csv", "custom_id,prompt,seed,tag\none,a,1,x\ntwo,b,2,y\n")
    manifest = render_of(prompt={"file": str(path)})
    assert rows_of(manifest, "prompt", "custom_id", "meta", "seed") == [
        {"prompt": "a", "custom_id": "one", "meta": {"seed": "1", "tag": "x"}, "seed": None},
        {"prompt": "b", "custom_id": "two", "meta": {"seed": "2", "tag": "y"}, "seed": None},
    ]
    assert manifest.notes == [f"Carried as meta from {path}: seed, tag."]


def test_other_fields_come_from_files_too(write: Write, render_of: Callable[..., Manifest], rows_of: Rows) -> None:
    """A column by its name, or the only one of a plain list; ranges are recognized."""
    numbers, table = write("numbers.txt", "1\n2\n3\n"), write("t.csv", "prompt,bad things\na,blurry\n")
    manifest = render_of(seed={"file": str(numbers)}, negative_prompt={"file": str(table), "column": "bad things"})
    assert manifest.render.factors[1].columns["negative_prompt"] == ["blurry"]
    assert manifest.render.factors[0].columns["seed"] == range(1, 4)
    assert manifest.notes == []
    assert len(rows_of(manifest, "seed")) == 3


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ({"file": "none.csv"}, "there is no file 'none.csv'"),
        ({"file": "{path}", "column": "promt"}, "did you mean 'prompt'?"),
        ({"file": "{path}", "colum": "a"}, "did you mean 'column'?"),
        ({"column": "a"}, "names no file"),
        ({"file": 7}, "must be text, and 7 is not"),
        ({}, "names no file"),
    ],
)
def test_a_file_that_does_not_serve(
    write: Write, render_of: Callable[..., Manifest], value: dict[str, Any], said: str
) -> None:
    """A missing file or column, a misspelt key."""
    path = write("prompts.csv", "prompt,title\na,b\n")
    given = {key: str(path) if text == "{path}" else text for key, text in value.items()}
    with pytest.raises(ManifestError, match=re.escape(said)):
        render_of(prompt=given)
