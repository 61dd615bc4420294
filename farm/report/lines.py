"""The lines of ``results.jsonl`` and ``errors.jsonl``: one per task, in the user's order."""

import json
from collections.abc import Mapping
from typing import Any

from farm.economics.cost import usd
from farm.manifest.task import RenderTask
from farm.profile.record import BatchRecord, ImageRecord, Record
from farm.report.charges import batch_seconds
from farm.store import keys

#: How the model of a task begins when it is a folder.
_FOLDERS = ("/", "builtin:")


def shares(batch: BatchRecord) -> dict[str, float]:
    """Seconds of the GPU thread that one picture is charged, whole and by kind: one `batch_size`-th of its batch."""
    size = batch.batch_size
    return {
        "seconds": batch_seconds(batch) / size,
        "encode_prompt_s": batch.encode_prompt_s / size,
        "denoise_s": batch.denoise_s / size,
        "decode_s": batch.decode_s / size,
        "post_s": batch.post_s / size,
    }


def result(task: RenderTask, record: Record, batch: BatchRecord, image: ImageRecord) -> dict[str, Any]:
    """What ``results.jsonl`` says of a finished task; load and waste are the job's, not the picture's."""
    share = shares(batch)
    return {
        "custom_id": task.custom_id,
        "index": task.index,
        "task_id": image.task_id,
        "meta": dict(task.meta),
        "key": keys.image(record.job, image.name),
        "sha256": image.sha256,
        "bytes": image.bytes,
        "prompt": task.prompt,
        "negative_prompt": task.negative_prompt,
        "model": task.pipeline.model,
        "scheduler": task.scheduler,
        "guidance_scale": task.guidance_scale,
        "width": image.width,
        "height": image.height,
        "seed": image.seed,
        "steps": batch.steps,
        "effective_steps": batch.effective_steps,
        **{name: round(value, 6) for name, value in share.items()},
        "queued_s": round(record.claimed_at - record.queued_at, 6),
        "encode_s": round(image.encode_s, 6),
        "upload_s": round(image.upload_s, 6),
        "cost_usd": usd(share["seconds"], record.worker.price_per_hour),
        "worker": record.worker.id,
    }


def error(task: RenderTask, sentence: str) -> dict[str, Any]:
    """What ``errors.jsonl`` says of a failed task: a row of our own task format, so it can be submitted as it is.

    A manifest carries `error` along as one more column. A folder's fingerprint is left out: a manifest names folders
    without a revision.
    """
    meta = {name: value for name, value in task.meta.items() if name != "error"}
    fields = {**task.content(), "custom_id": task.custom_id, "meta": meta or None, "error": sentence}
    if task.pipeline.model.startswith(_FOLDERS):
        del fields["revision"]
    return {name: value for name, value in fields.items() if value is not None}


def to_jsonl(lines: Mapping[int, Mapping[str, Any]]) -> bytes:
    """Lines keyed by the task's index, as JSON Lines in the order of the index."""
    return b"".join(
        json.dumps(lines[index], ensure_ascii=False, separators=(",", ":"), default=str).encode() + b"\n"
        for index in sorted(lines)
    )
