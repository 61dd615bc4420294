"""A task's identity is what it draws."""

import dataclasses
from typing import Any

import pytest

from farm.manifest.task import PipelineKey, RenderTask

TASK = RenderTask(
    index=0,
    pipeline=PipelineKey("org/thing", "abc"),
    prompt="a mug",
    negative_prompt="",
    seed=1,
    steps=20,
    scheduler="euler",
    timestep_spacing=None,
    guidance_scale=5.0,
    width=64,
    height=64,
)


@pytest.mark.parametrize(
    "change",
    [{"index": 7}, {"prompt_index": 7}, {"custom_id": "x"}, {"meta": {"a": 1}}],
    ids=lambda change: next(iter(change)),
)
def test_labels_and_positions_are_not_identity(change: dict[str, Any]) -> None:
    """The same picture elsewhere in another job is the same task."""
    assert dataclasses.replace(TASK, **change).task_id == TASK.task_id


@pytest.mark.parametrize(
    "change",
    [
        {"prompt": "a cup"},
        {"negative_prompt": "blurry"},
        {"seed": 2},
        {"steps": 21},
        {"scheduler": "ddim"},
        {"timestep_spacing": "trailing"},
        {"guidance_scale": None},
        {"width": 128},
        {"height": 128},
        {"pipeline": PipelineKey("org/thing", "abd")},
        {"pipeline": PipelineKey("org/other", "abc")},
        {"pipeline": PipelineKey("org/thing", "abc", variant="fp16")},
        {"pipeline": PipelineKey("org/thing", "abc", dtype="float16")},
    ],
    ids=str,
)
def test_what_is_drawn_is_identity(change: dict[str, Any]) -> None:
    """Anything that decides the picture makes another task."""
    other = dataclasses.replace(TASK, **change)
    assert other.task_id != TASK.task_id
    assert len(other.task_id) == 32


@pytest.mark.parametrize(
    ("change", "same"),
    [({"prompt": "a cup", "seed": 9, "negative_prompt": "x"}, True), ({"steps": 21}, False), ({"width": 128}, False)],
    ids=str,
)
def test_what_can_share_a_call(change: dict[str, Any], same: bool) -> None:  # noqa: FBT001 a case
    """Prompts and seeds differ inside a batch; what one call takes for all does not."""
    assert (dataclasses.replace(TASK, **change).batch_key == TASK.batch_key) is same


def test_a_queue_per_pipeline() -> None:
    """A name that is safe for Redis, and another one for anything that loads otherwise."""
    keys = [PipelineKey("a"), PipelineKey("a", "b"), PipelineKey("a", None, "b"), PipelineKey("a", None, None, "b")]
    queues = [key.queue for key in keys]
    assert len(set(queues)) == 4
    assert all(queue.startswith("pipeline-") and queue.replace("-", "").isalnum() for queue in queues)
    assert PipelineKey("a").queue == queues[0]
