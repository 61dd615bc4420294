"""The lines of ``results.jsonl`` and ``errors.jsonl``: one per task, with the index that orders them."""

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from farm.manifest.task import RenderTask
from farm.store import keys

if TYPE_CHECKING:
    import polars as pl

#: How the model of a task begins when it is a folder.
_FOLDERS = ("/", "builtin:", "s3://")
#: Digits after the point of seconds.
_DIGITS = 6
_HOUR = 3600.0

#: Fields of a result before and after ``meta``, as columns of the table ``images``; seconds are rounded.
_BEFORE = ("custom_id", "index", "task_id")
_PLAIN = ("sha256", "bytes", "prompt", "negative_prompt", "model", "scheduler", "guidance_scale", "width", "height")
_SECONDS = (
    "seconds", "encode_prompt_s", "denoise_s", "decode_s", "post_s", "queued_s", "encode_s", "upload_s",
)  # fmt: skip


def results(images: "pl.DataFrame", job_id: str) -> "pl.DataFrame":
    """What ``results.jsonl`` says of pictures: columns ``index`` and ``line``.

    Load and waste are the job's, not the picture's.

    Args:
        images: rows of the table ``images``.
        job_id: the job they are of.
    """
    import polars as pl

    before = pl.struct(*_BEFORE).struct.json_encode().str.strip_suffix("}")
    after = pl.struct(
        pl.concat_str(pl.lit(keys.images(job_id)), "name").alias("key"),
        *_PLAIN,
        pl.col("seed").cast(pl.UInt64),
        "steps",
        "effective_steps",
        *(pl.col(name).round(_DIGITS) for name in _SECONDS),
        (pl.col("seconds") * pl.col("price_per_hour") / _HOUR).alias("cost_usd"),
        "worker",
    ).struct.json_encode()
    meta = pl.concat_str(pl.lit(',"meta":'), pl.col("meta").fill_null("{}"), pl.lit(","))
    return images.select("index", pl.concat_str(before, meta, after.str.slice(1)).alias("line"))


def errors(failed: Iterable[tuple[RenderTask, str]]) -> "pl.DataFrame":
    """What ``errors.jsonl`` says of tasks, each with its sentence: columns ``index`` and ``line``."""
    import polars as pl

    rows = [(task.index, to_json(error(task, sentence))) for task, sentence in failed]
    return pl.DataFrame(rows, schema={"index": pl.Int64, "line": pl.String}, orient="row")


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


def to_json(value: Any) -> str:
    """A value as one line of JSON."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str)
