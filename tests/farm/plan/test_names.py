"""Output names: which patterns are taken, and what they make of a task."""

import re
from pathlib import PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from farm.manifest.task import PipelineKey, RenderTask
from farm.plan.names import FIELDS, NamePattern, model_word

TASK = RenderTask(
    index=7,
    pipeline=PipelineKey("stabilityai/sdxl:turbo", "abc"),
    prompt="a mug",
    negative_prompt="",
    seed=42,
    steps=20,
    scheduler="dpm++2m-karras",
    timestep_spacing=None,
    guidance_scale=7.5,
    width=1024,
    height=512,
    custom_id="shelf/mug 1",
    prompt_index=3,
)


@pytest.mark.parametrize(
    ("pattern", "name"),
    [
        ("{index:06}-{seed}-{steps}.png", "000007-42-20.png"),
        ("{index}", "7.png"),
        ("{index}.PNG", "7.PNG"),
        ("{prompt_index}/{width}x{height}/{seed:04x}", "3/1024x512/002a.png"),
        ("{model}_{scheduler}_{guidance_scale:.1f}_{index}", "stabilityai-sdxl-turbo_dpm++2m-karras_7.5_7.png"),
        ("{custom_id}.png", "shelf/mug 1.png"),
        ("a.b{{c}}-{index}", "a.b{c}-7.png"),
        ("é-{index}", "é-7.png"),
    ],
)
def test_a_pattern_names_a_task(pattern: str, name: str) -> None:
    """Fields are put in, and the extension where it is missing."""
    assert NamePattern.parse(pattern).name(TASK) == name


def test_every_field_can_be_shown() -> None:
    """The fields of a name are those the design lists."""
    assert set(FIELDS) == {
        "index",
        "prompt_index",
        "seed",
        "steps",
        "scheduler",
        "guidance_scale",
        "width",
        "height",
        "model",
        "custom_id",
        "task_id",
    }
    name = NamePattern.parse("_".join(f"{{{field}}}" for field in FIELDS if field != "custom_id")).name(TASK)
    assert TASK.task_id in name
    assert "/" not in name


def test_no_guidance_is_the_models_own() -> None:
    """A field without a value still has a word, whatever its format."""
    assert NamePattern.parse("{index}_{guidance_scale:.1f}").parts[1].show(None) == "default"


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("{indx}", "did you mean index"),
        ("{prompt}", "no field 'prompt'"),
        ("{}", "no field ''"),
        ("{0}", "no field '0'"),
        ("{index.real}", "no field 'index.real'"),
        ("{index.__class__.__init__}", "no field"),
        ("{index!r}", "{index!r} asks for a format"),
        ("{index:>9}", "asks for a format"),
        ("{index:0999999999}", "asks for a format"),
        ("{index:{steps}}", "asks for a format"),
        ("{index:.2f}", "asks for a format"),
        ("{scheduler:5}", "asks for a format"),
        ("{index", "is no name"),
        ("index}", "is no name"),
        ("/srv/{index}", "leaves the job's folder"),
        ("../{index}", "leaves the job's folder"),
        ("a/../{index}", "leaves the job's folder"),
        ("a//{index}", "leaves the job's folder"),
        ("./{index}", "leaves the job's folder"),
        ("~/{index}", "leaves the job's folder"),
        ("a\n{index}", "control character"),
        ("a\\{index}", "backslash"),
        ("\x00{index}", "control character"),
        ("{index}.jpg", "ends in .jpg"),
        ("{index}.webp", "ends in .webp"),
        ("x" * 300 + "{index}", "too long"),
    ],
)
def test_a_pattern_that_is_refused(pattern: str, expected: str) -> None:
    """What is wrong is named; nothing is looked up in an object."""
    with pytest.raises(ValueError, match=re.escape(expected)):
        NamePattern.parse(pattern)


@pytest.mark.parametrize(
    ("model", "word"),
    [
        ("org/name", "org-name"),
        ("builtin:shapes", "builtin-shapes"),
        ("/home/somebody/models/my model", "my-model"),
        ("/", "model"),
        ("../..", "model"),
    ],
)
def test_a_model_as_part_of_a_name(model: str, word: str) -> None:
    """No slash, no dots that climb, and of a folder its own name only."""
    assert model_word(model) == word


_PIECES = [*(f"{{{field}}}" for field in FIELDS), "..", "/", ".", "a", "{", "}", ":", " ", "\n", "~"]


@given(st.lists(st.sampled_from(_PIECES)))
def test_no_pattern_leaves_the_folder(pieces: list[str]) -> None:
    """What is taken names a file inside the job's folder; what is not is refused as a pattern."""
    try:
        pattern = NamePattern.parse("".join(pieces))
    except ValueError as error:
        assert len(str(error)) < 400  # noqa: PT017 either way is fine
        return
    name = pattern.name(TASK)
    parts = PurePosixPath(name).parts
    assert name.lower().endswith(".png")
    assert not PurePosixPath(name).is_absolute()
    assert ".." not in parts
    assert str(PurePosixPath(name)) == name
