"""What a picture's text says of the model and the sampler that made it."""

import inspect
from typing import Any

from farm.manifest.task import RenderTask
from farm.steps.schedulers import SCHEDULERS
from workers.parameters import Origin
from workers.pipeline import Loaded


def origin_of(job_id: str, loaded: Loaded, task: RenderTask) -> Origin:
    """The origin of the pictures of one batch."""
    return Origin(
        job=job_id,
        sampler=sampler_name(loaded.pipe.scheduler, task.scheduler),
        guidance_scale=default_guidance(loaded.pipe),
        model=loaded.name,
        model_hash=loaded.hash,
    )


def default_guidance(pipe: Any) -> float | None:
    """The guidance scale a pipeline uses when it is given none; None where it has none."""
    accepted = inspect.signature(pipe.__call__).parameters.get("guidance_scale")
    default = None if accepted is None else accepted.default
    return float(default) if isinstance(default, int | float) else None


def sampler_name(own: Any, scheduler: str) -> str:
    """A scheduler as other programs spell it; ``default`` is what the pipeline's own comes to."""
    if scheduler != "default":
        return SCHEDULERS[scheduler].sampler_name
    name, config = type(own).__name__, own.config
    for entry in SCHEDULERS.values():
        if entry.class_name == name and all(config.get(key) == value for key, value in entry.overrides.items()):
            return entry.sampler_name
    return name.removesuffix("Scheduler")
