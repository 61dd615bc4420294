"""The Parquet tables of a job: a row per picture that counts, and a row per record of an attempt."""

import io
from collections.abc import Iterable, Mapping
from typing import Any

from farm.manifest.task import RenderTask
from farm.profile.record import BatchRecord, ImageRecord, Record
from farm.report.lines import shares

_KINDS: Mapping[type, str] = {int: "Int64", float: "Float64", str: "String"}

#: Column -> type; instants are POSIX seconds, durations seconds.
IMAGES: Mapping[str, type] = {
    "position": int, "index": int, "task_id": str, "custom_id": str, "name": str, "sha256": str, "bytes": int,
    "prompt": str, "negative_prompt": str, "seed": str, "model": str, "revision": str, "scheduler": str, "steps": int,
    "effective_steps": int, "denoiser_calls": int, "guidance_scale": float, "width": int, "height": int, "dtype": str,
    "batch_size": int, "batch_position": int, "worker": str, "gpu": str, "price_per_hour": float, "started_at": float,
    "seconds": float, "encode_prompt_s": float, "denoise_s": float, "decode_s": float, "post_s": float,
    "encode_s": float, "upload_s": float,
}  # fmt: skip
ATTEMPTS: Mapping[str, type] = {
    "start": int, "stop": int, "epoch": str, "counter": int, "outcome": str, "won": int, "worker": str, "session": str,
    "host": str, "device": str, "gpu": str, "price_per_hour": float, "queued_at": float, "claimed_at": float,
    "started_at": float, "finished_at": float, "load_s": float, "busy_s": float, "error": str,
}  # fmt: skip


def image_row(task: RenderTask, record: Record, batch: BatchRecord, image: ImageRecord) -> dict[str, Any]:
    """A picture that counts; the seed as text, for it can be larger than any signed integer of Parquet."""
    return _picked(
        IMAGES,
        {"prompt": task.prompt, "negative_prompt": task.negative_prompt, "custom_id": task.custom_id},
        shares(batch),
        {"gpu": record.worker.gpu, "price_per_hour": record.worker.price_per_hour, "worker": record.worker.id},
        image.model_dump() | {"seed": str(image.seed)},
        batch.model_dump(),
    )


def attempt_row(record: Record, *, won: int) -> dict[str, Any]:
    """A record of an attempt, and how many of its positions count."""
    return _picked(
        ATTEMPTS,
        {"won": won, "worker": record.worker.id, "error": record.error.message if record.error else None},
        record.model_dump(exclude={"batches", "images"}),
        record.worker.model_dump(),
    )


def _picked(columns: Mapping[str, type], *sources: Mapping[str, Any]) -> dict[str, Any]:
    """The columns of a row, each from the first source that knows it."""
    return {name: next(source[name] for source in sources if name in source) for name in columns}


def to_parquet(columns: Mapping[str, type], rows: Iterable[Mapping[str, Any]]) -> bytes:
    """Rows as one Parquet file; an empty one still has every column."""
    import polars as pl

    schema = {name: getattr(pl, _KINDS[kind]) for name, kind in columns.items()}
    out = io.BytesIO()
    pl.DataFrame(list(rows), schema=schema, orient="row").write_parquet(out)
    return out.getvalue()
