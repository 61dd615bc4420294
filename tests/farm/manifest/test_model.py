"""Manifests from files, prompt files and mappings, and every section of them."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from farm.errors import ManifestError
from farm.manifest.model import Run, load
from farm.manifest.output import Output

Write = Callable[[str, str | bytes], Path]

MUGS = """\
name: mugs overnight
render:
  model: org/thing
  prompt: [a mug, a cup]
  seed: 1-4
  steps: [12, 20]
  combine: (prompt) * seed
run:
  priority: 80
output:
  name: "{index}"
"""
_SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
_VALUES = st.recursive(
    _SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner)
)
_KEYS = ["model", "prompt", "seed", "steps", "sample_steps", "size", "width", "scheduler", "combine", "meta", "family"]


def test_a_yaml_manifest(write: Write) -> None:
    """Every section of it."""
    manifest = load(write("mugs.yaml", MUGS.replace("  combine: (prompt) * seed\n", "")))
    assert manifest.name == "mugs overnight"
    assert [len(factor) for factor in manifest.render.factors] == [2, 4, 2]
    assert manifest.run == Run(priority=80)
    assert manifest.output == Output(name="{index}")
    assert manifest.notes == []


def test_json_says_the_same(write: Write) -> None:
    """A JSON manifest is the same manifest."""
    data = {"render": {"model": "org/thing", "prompt": ["a"], "seed": "1-4"}, "run": {"batch": 2}}
    from_json = load(write("job.json", json.dumps(data)))
    assert from_json.render == load(data).render
    assert (from_json.name, from_json.run.range) == ("job", 8)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("two mugs.txt", "a\nb\n"),
        ("two mugs.csv", "prompt\na\nb\n"),
        ("two mugs.tsv", "prompt\na\nb\n"),
        ("two mugs.jsonl", '{"prompt": "a"}\n{"prompt": "b"}\n'),
    ],
)
def test_a_prompt_file_is_a_manifest(write: Write, name: str, text: str) -> None:
    """One task per line or row; its name is the file's, its model comes from a setting."""
    path = write(name, text)
    manifest = load(path, overrides=["render.model=org/thing", "run.priority=7"])
    assert manifest.name == "two mugs"
    assert [factor.columns["prompt"] for factor in manifest.render.factors] == [["a", "b"]]
    assert manifest.run.priority == 7
    with pytest.raises(ManifestError, match=r"render\.model: is missing: give a Hub id"):
        load(path)
    with pytest.raises(ManifestError, match="has no meaning for a table"):
        load(path, overrides=["render.model=org/thing", "render.combine=prompt"])


def test_paths_start_from_the_manifest(write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else from the working directory, as for a setting typed there."""
    (tmp_path / "jobs").mkdir()
    (tmp_path / "jobs" / "prompts.txt").write_text("beside\n", encoding="utf-8")
    write("prompts.txt", "here\n")
    write("others.txt", "others\n")
    manifest = tmp_path / "jobs" / "job.yaml"
    manifest.write_text("render: {model: org/thing, prompt: {file: prompts.txt}}", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    assert load(manifest).render.factors[0].columns["prompt"] == ["beside"]
    found = load(manifest, overrides=["render.prompt.file=others.txt"])
    assert found.render.factors[0].columns["prompt"] == ["others"]
    assert load({"render": {"model": "org/thing", "prompt": {"file": "prompts.txt"}}}).render.factors[0].columns == {
        "prompt": ["here"]
    }


def test_a_mapping_is_left_alone() -> None:
    """Settings do not write into the caller's own values."""
    data: dict[str, Any] = {"render": {"model": "org/thing", "prompt": "a"}}
    load(data, overrides=["render.steps=20", "run.batch=2"])
    assert data == {"render": {"model": "org/thing", "prompt": "a"}}


@pytest.mark.parametrize(
    ("run", "size"), [({}, 32), ({"batch": 2}, 8), ({"batch": 2, "range": 3}, 3), ({"range": 100}, 100)]
)
def test_a_range_is_four_batches(run: dict[str, int], size: int) -> None:
    """Unless somebody says how many images it holds."""
    assert load({"render": {"model": "org/thing", "prompt": "a"}, "run": run}).run.range == size


@pytest.mark.parametrize(
    ("section", "key", "value", "said"),
    [
        ("run", "priority", 101, "must be a whole number from 0 to 100, and 101 is not"),
        ("run", "priority", -1, "must be a whole number from 0 to 100"),
        ("run", "priority", "high", "must be a whole number from 0 to 100, and 'high' is not"),
        ("run", "priority", 1.5, "must be a whole number"),
        ("run", "priority", True, "must be a whole number"),
        ("run", "priority", None, "and None is not"),
        ("run", "max_attempts", 0, "must be a whole number from 1 to 100"),
        ("run", "min_vram_gb", 0, "must be a number above 0 and at most 10,000, and 0 is not"),
        ("run", "min_vram_gb", float("nan"), "must be"),
        ("run", "step_policy", "lax", "must be one of warn, strict, clamp, and 'lax' is not"),
        ("run", "batch", 0, "must be a whole number from 1 to 1,024"),
        ("run", "batch", "8", "and '8' is not"),
        ("run", "range", 0, "from 1 to 1,000,000"),
        ("run", "window", "22:00-22:00", "'22:00-22:00' never opens: it closes at the moment at which it opens."),
        ("run", "window", 22, "must be text such as 22:00-07:00 or 07:00, and 22 is not"),
        ("run", "finish_by", "2020-01-01 07:00", "'2020-01-01 07:00' lies in the past."),
        ("run", "finish_by", "tomorrow", "must be a time such as 07:00, or a date and time"),
        ("run", "budget_usd", 12, "known but not supported yet"),
        ("run", "profile", "draft", "known but not supported yet"),
        ("run", "optimize", "lossy", "known but not supported yet"),
        ("run", "target_range_seconds", 60, "known but not supported yet"),
        ("run", "prioritty", 1, "unknown key 'prioritty': did you mean 'priority'?"),
        ("run", "keep_days", 0, "must be a whole number from 1 to 36,500"),
        ("run", "keep_days", 0.5, "must be a whole number"),
        ("output", "format", "gif", "must be png, jpeg or webp, and 'gif' is not"),
        ("output", "format", ["png"], "must be png, jpeg or webp"),
        ("output", "quality", 90, "has no meaning for png, which keeps every pixel"),
        ("output", "name", "", "must be text that is not empty"),
        ("output", "name", 7, "must be text that is not empty, and 7 is not"),
        ("output", "prompt_metadata", "yes", "must be true or false, and 'yes' is not"),
        ("output", "nam", "x", "did you mean 'name'?"),
    ],
)
def test_sections_are_checked(section: str, key: str, value: Any, said: str) -> None:
    """What is wrong, what was expected, and what came."""
    data = {"render": {"model": "org/thing", "prompt": "a"}, section: {key: value}}
    with pytest.raises(ManifestError, match=re.escape(said)) as caught:
        load(data)
    assert caught.value.field == f"{section}.{key}"
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({}, "render: is missing"),
        ({"render": None}, "render: is missing"),
        ({"render": [1]}, "render: must be a mapping"),
        ({"rendr": {}}, "rendr: unknown key 'rendr': did you mean 'render'?"),
        ({"render": {"prompt": "a"}}, "render.model: is missing"),
        ({"render": {"model": "org/thing"}}, "render.prompt: is missing"),
        ({"render": {"model": "a", "prompt": "a"}, "name": ""}, "name: must be a name on one line"),
        ({"render": {"model": "a", "prompt": "a"}, "name": "a\nb"}, "name: must be a name on one line"),
        ({"render": {"model": "a", "prompt": "a"}, "name": 7}, "name: must be a name on one line"),
        ({"render": {"model": "a", "prompt": "a"}, "name": "x" * 201}, "name: must be a name on one line"),
        ({"render": {"model": "a", "prompt": "a"}, "run": 7}, "run: must be a mapping"),
    ],
)
def test_the_whole_is_checked(data: dict[str, Any], said: str) -> None:
    """The sections there are, and what each must have."""
    with pytest.raises(ManifestError, match=re.escape(said)):
        load(data)


def test_an_error_has_its_line_and_its_setting(write: Write) -> None:
    """Of the file, or of the command line that wrote over it."""
    path = write("mugs.yaml", MUGS)
    with pytest.raises(ManifestError) as caught:
        load(path)
    assert str(caught.value).startswith(f"{path}:7: render.combine: ")
    with pytest.raises(ManifestError) as caught:
        load(path, overrides=["render.steps=0"])
    assert str(caught.value).startswith("--set render.steps=0: render.steps: must be a whole number")
    with pytest.raises(ManifestError) as caught:
        load(path, overrides=["render.stepz=1"])
    assert "did you mean 'steps'" in str(caught.value)


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("job.yaml", "", "is empty: a manifest is a mapping"),
        ("job.yaml", "- a\n", "is a list: a manifest is a mapping"),
        ("job.yaml", "just words", "is 'just words': a manifest is a mapping"),
        ("job.yaml", b"name: \xff", "not UTF-8"),
        ("job.json", "[]", "is a list: a manifest is a mapping"),
        ("job.toml", "a = 1", "a manifest or prompt file ends in one of .yaml, .json"),
        ("job", "a", "ends in one of"),
    ],
)
def test_files_that_are_no_manifest(write: Write, name: str, text: str | bytes, said: str) -> None:
    """What they are, and what a manifest is."""
    with pytest.raises(ManifestError, match=re.escape(said)):
        load(write(name, text))


def test_a_manifest_with_a_byte_order_mark(write: Write) -> None:
    """As some editors save it."""
    assert load(write("job.yaml", "\ufeffrender: {model: org/a, prompt: é}\r\n")).render.constants["prompt"] == "é"


@settings(max_examples=200, deadline=None)
@given(st.dictionaries(st.sampled_from(_KEYS), _VALUES, max_size=4))
def test_no_value_escapes_as_another_error(render: dict[str, Any]) -> None:
    """Whatever a field holds, it is a manifest or a sentence."""
    try:
        manifest = load({"render": {"model": "org/thing", "prompt": "a"} | render})
    except ManifestError as error:
        assert (error.field or "").startswith("render")  # noqa: PT017 either way is fine
    else:
        assert manifest.render.constants.keys() | {"prompt", "model"} >= {"dtype"}
