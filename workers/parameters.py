"""The text that other programs read in our pictures: prompt, negative prompt, and one line of settings."""

import json
from dataclasses import dataclass
from typing import Any

from farm.manifest.task import RenderTask


@dataclass(frozen=True, slots=True)
class Origin:
    """What a picture's text says beside its task.

    Args:
        job: the job it was made for.
        sampler: the scheduler as other programs spell it.
        guidance_scale: what was used when the task leaves it to the pipeline; None where the pipeline has none.
        model: last part of the model's name.
        model_hash: ten hex digits.
    """

    job: str
    sampler: str
    guidance_scale: float | None
    model: str
    model_hash: str


def parameters(task: RenderTask, origin: Origin) -> str:
    """The ``parameters`` text, in the form that AUTOMATIC1111's web UI began and others read."""
    guidance = origin.guidance_scale if task.guidance_scale is None else task.guidance_scale
    line = {
        "Steps": task.steps,
        "Sampler": origin.sampler,
        "CFG scale": None if guidance is None else f"{guidance:g}",
        "Seed": task.seed,
        "Size": f"{task.width}x{task.height}",
        "Model hash": origin.model_hash,
        "Model": origin.model,
    }
    settings = ", ".join(f"{name}: {_plain(value)}" for name, value in line.items() if value is not None)
    negative = f"\nNegative prompt: {task.negative_prompt}" if task.negative_prompt else ""
    return f"{task.prompt}{negative}\n{settings}"


def resolved(task: RenderTask, origin: Origin) -> str:
    """The ``stepfarm`` text: the task as it was resolved, in JSON."""
    content: dict[str, Any] = {
        "job": origin.job,
        "task_id": task.task_id,
        "index": task.index,
        "custom_id": task.custom_id,
        "model_hash": origin.model_hash,
        **task.content(),
    }
    return json.dumps(content, ensure_ascii=False)


def _plain(value: Any) -> str:
    """A value that does not break the line: readers split it at commas and colons."""
    return str(value).replace(",", " ").replace(":", " ").replace("\n", " ").strip()
