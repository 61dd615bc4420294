"""What is said of a picture in a data set: the task it was made from."""

import json
from typing import Any

from farm.manifest.task import RenderTask


def label(task: RenderTask, name: str) -> dict[str, Any]:
    """The task of a picture, as JSON can hold it.

    Args:
        task: what it was made from.
        name: its name below the job's ``images/``.
    """
    return {
        "name": name,
        "index": task.index,
        "custom_id": task.custom_id,
        "prompt": task.prompt,
        "negative_prompt": task.negative_prompt,
        "seed": task.seed,
        "steps": task.steps,
        "scheduler": task.scheduler,
        "guidance_scale": task.guidance_scale,
        "width": task.width,
        "height": task.height,
        "model": task.pipeline.model,
        "revision": task.pipeline.revision,
        "meta": dict(task.meta) or None,
    }


def row(task: RenderTask, name: str) -> dict[str, Any]:
    """A line of ``metadata.jsonl``: `label` as a table takes it, every column of one type in all lines.

    The seed is text, for it can be larger than any signed integer of Arrow; ``meta`` is JSON, for its keys are the
    user's; ``text`` is the prompt under the name that training scripts ask for.
    """
    said = label(task, name)
    meta = None if said["meta"] is None else json.dumps(said["meta"], ensure_ascii=False, default=str)
    return {"file_name": said.pop("name"), "text": task.prompt} | said | {"seed": str(task.seed), "meta": meta}


def line(value: dict[str, Any]) -> bytes:
    """A value as one line of JSON: the same bytes for the same value, always."""
    return json.dumps(value, ensure_ascii=False, default=str).encode("utf-8", "replace") + b"\n"
