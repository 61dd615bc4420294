"""Tasks of a file, and tasks that a manifest lists."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from farm.errors import ManifestError
from farm.manifest.model import Manifest, load
from farm.manifest.sources import open_table

Write = Callable[[str, str | bytes], Path]
RowsOf = Callable[..., list[dict[str, Any]]]
CSV = "prompt,seed,who\na mug,1,me\na cup,2,you\n"


def listed(write: Write, rows: str, more: str = "") -> Manifest:
    """A manifest with rows of its own."""
    return load(write("job.yaml", f"render:\n  model: org/thing\n  rows: {rows}\n{more}"))


def test_rows_of_a_manifest_are_tasks(write: Write, rows_of: RowsOf) -> None:
    """Their keys are fields, under any of their names; what is none is carried."""
    made = listed(write, "\n  - {custom_id: 1, prompt: a mug, cfg: 5}\n  - {prompt: a cup, who: me, seed: null}\n")
    assert rows_of(made, "custom_id", "prompt", "guidance_scale", "seed", "meta") == [
        {"custom_id": "1", "prompt": "a mug", "guidance_scale": 5.0, "seed": None, "meta": {}},
        {"custom_id": None, "prompt": "a cup", "guidance_scale": None, "seed": None, "meta": {"who": "me"}},
    ]


def test_axes_beside_rows(write: Write, rows_of: RowsOf) -> None:
    """Every row with every value of an axis, the axis faster; a field given for all outranks the rows'."""
    made = listed(write, "[{prompt: a, seed: 9}, {prompt: b}]", "  steps: [4, 8]\n  seed: 7\n")
    assert [tuple(row.values()) for row in rows_of(made, "prompt", "steps", "seed")] == [
        ("a", 4, 7),
        ("a", 8, 7),
        ("b", 4, 7),
        ("b", 8, 7),
    ]
    assert [note.partition(" from ")[0] for note in made.notes] == ["Given for all, and so not taken"]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("tasks.csv", CSV),
        ("tasks.jsonl", '{"prompt": "a mug", "seed": 1}\n{"prompt": "a cup", "seed": 2}\n'),
        (
            "list.json",
            json.dumps([{"taskType": "imageInference", "positivePrompt": "a mug", "seed": 1}])[:-1]
            + ', {"taskType": "imageInference", "positivePrompt": "a cup", "seed": 2}]',
        ),
    ],
)
def test_rows_of_a_file(write: Write, rows_of: RowsOf, name: str, text: str) -> None:
    """A table, whoever wrote it, with ``run`` and ``output`` of its own around it, found beside the manifest."""
    write(name, text)
    made = listed(write, f"{{file: {name}}}", "run: {priority: 80}\n")
    assert rows_of(made, "prompt", "seed") == [{"prompt": "a mug", "seed": 1}, {"prompt": "a cup", "seed": 2}]
    assert made.run.priority == 80


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ("3", "job.yaml:3: render.rows: must be a list of tasks, or {file: tasks.csv}, and 3 is not."),
        ("[]", ":3: render.rows: must be a list of tasks"),
        ("\n  - {prompt: a}\n  - a mug\n", ":5: render.rows.1: must be a task, a mapping"),
        ("\n  - {prompt: a}\n  - {prompt: b, steps: 0}\n", ":5: render.rows.1.steps: must be a whole number"),
        ("\n  - {prompt: a}\n  - {seed: 1}\n", ":5: render.rows.1.prompt: this row has no prompt."),
        ("\n  - {prompt: a, steps: 2, sample_steps: 3}\n", ":4: render.rows.0.sample_steps: means the same as steps"),
        ("\n  - {promt: a}\n", "has no column 'prompt': did you mean 'promt'?"),
        ("{file: none.csv}", ":3: render.rows: there is no file 'none.csv'"),
        ("{file: 3}", ":3: render.rows: there is no file 3"),
        ("{path: a.csv}", ":3: render.rows.path: unknown key 'path'"),
        ("{file: job.yaml}", ":3: render.rows: 'job.yaml' is no table: its name ends in none of .txt, .csv"),
    ],
)
def test_rows_that_are_wrong(write: Write, rows: str, said: str) -> None:
    """The line, the row and the field."""
    with pytest.raises(ManifestError, match=re.escape(said)):
        listed(write, rows)


def test_rows_have_no_meaning_beside_a_table(write: Write) -> None:
    """Which are the tasks then?"""
    with pytest.raises(ManifestError, match=r"render\.rows: has no meaning for a table"):
        load(write("tasks.csv", CSV), overrides=["render.model=org/thing", "render.rows=[{prompt: a}]"])
    with pytest.raises(ManifestError, match=r"render\.combine: has no meaning for a table"):
        listed(write, "[{prompt: a}]", "  steps: [4, 8]\n  combine: steps\n")


def test_a_manifest_given_as_a_value(rows_of: RowsOf) -> None:
    """From Python rows are a list, and an error has no line."""
    render = {"model": "org/thing", "rows": [{"prompt": "a"}, {"prompt": 3}]}
    with pytest.raises(ManifestError, match=r"^the manifest: render\.rows\.1\.prompt: must be text"):
        load({"render": render})
    made = load({"render": render | {"rows": render["rows"][:1]}})
    assert rows_of(made, "prompt") == [{"prompt": "a"}]


def test_what_is_no_table(write: Write) -> None:
    """May be a manifest: who asks decides."""
    for name, text in (("a.yaml", "[1]"), ("a.json", '{"render": {}}'), ("a.png", "x")):
        assert open_table(write(name, text), name, dict) is None
