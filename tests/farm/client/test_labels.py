import json

from hypothesis import given
from hypothesis import strategies as st

from farm.client.labels import label, line, row
from farm.manifest.task import PipelineKey, RenderTask

TASK = RenderTask(
    index=3, pipeline=PipelineKey("builtin:shapes"), prompt="ein Bär 🐻", negative_prompt="", seed=2**64 - 1, steps=8,
    scheduler="ddim", timestep_spacing=None, guidance_scale=5.0, width=64, height=32, custom_id="mine",
    meta={"colour": ["red"], "n": 1},
)  # fmt: skip


def test_a_label_is_the_task() -> None:
    """With the picture's name and whatever its row carried."""
    said = label(TASK, "a/3.png")
    assert (said["name"], said["prompt"], said["seed"], said["custom_id"]) == (
        "a/3.png",
        "ein Bär 🐻",
        2**64 - 1,
        "mine",
    )
    assert (said["steps"], said["width"], said["height"], said["meta"]) == (8, 64, 32, {"colour": ["red"], "n": 1})


def test_a_row_is_a_label_that_a_table_takes() -> None:
    """The prompt as `text` too; what has no one type is text."""
    said = row(TASK, "a/3.png")
    assert list(said)[:2] == ["file_name", "text"]
    assert (said["file_name"], said["text"], said["seed"]) == ("a/3.png", TASK.prompt, str(2**64 - 1))
    assert json.loads(said["meta"]) == TASK.meta
    assert not [name for name, value in said.items() if isinstance(value, dict | list)]


@given(st.dictionaries(st.text(), st.text() | st.integers() | st.none()))
def test_a_line_is_one_line(value: dict[str, object]) -> None:
    """Whatever the prompts hold; half a surrogate pair too."""
    made = line(value)
    assert made.count(b"\n") == 1
    assert made.endswith(b"\n")
    assert json.loads(made) is not None
