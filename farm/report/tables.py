"""The Parquet tables of a job: a row per picture that counts, per record of an attempt, and per batch that rendered."""

import io
import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any

from farm.manifest.task import RenderTask
from farm.profile.fold import Interval
from farm.profile.outcome import Outcome
from farm.profile.record import BatchRecord, ImageRecord, Record

if TYPE_CHECKING:
    import polars as pl

_KINDS: Mapping[type, str] = {int: "Int64", float: "Float64", str: "String"}

#: Column -> type; instants are POSIX seconds, durations seconds. The seed is text, for it can be larger than any signed
#: integer of Parquet, and `meta` is JSON, None where there is none.
IMAGES: Mapping[str, type] = {
    "position": int, "index": int, "task_id": str, "custom_id": str, "meta": str, "name": str, "sha256": str,
    "bytes": int, "prompt": str, "negative_prompt": str, "seed": str, "model": str, "revision": str, "scheduler": str,
    "steps": int, "effective_steps": int, "denoiser_calls": int, "guidance_scale": float, "width": int, "height": int,
    "dtype": str, "batch_size": int, "batch_position": int, "worker": str, "gpu": str, "price_per_hour": float,
    "queued_s": float, "started_at": float, "seconds": float, "encode_prompt_s": float, "denoise_s": float,
    "decode_s": float, "post_s": float, "encode_s": float, "upload_s": float,
}  # fmt: skip
ATTEMPTS: Mapping[str, type] = {
    "start": int, "stop": int, "epoch": str, "counter": int, "outcome": str, "won": int, "worker": str, "session": str,
    "host": str, "device": str, "gpu": str, "price_per_hour": float, "queued_at": float, "claimed_at": float,
    "started_at": float, "finished_at": float, "load_s": float, "busy_s": float, "error": str,
}  # fmt: skip
BATCHES: Mapping[str, type] = {
    "start": int, "stop": int, "won": int, "epoch": str, "counter": int, "worker": str, "session": str, "gpu": str,
    "price_per_hour": float, "batch_size": int, "dtype": str, "model": str, "revision": str, "width": int,
    "height": int, "steps": int, "effective_steps": int, "denoiser_calls": int, "scheduler": str,
    "guidance_scale": float, "started_at": float, "encode_prompt_s": float, "denoise_s": float, "decode_s": float,
    "post_s": float,
}  # fmt: skip
#: Table -> its columns.
TABLES: Mapping[str, Mapping[str, type]] = {"images": IMAGES, "attempts": ATTEMPTS, "batches": BATCHES}

_OF_IMAGE = (
    "position", "index", "task_id", "custom_id", "name", "sha256", "bytes", "width", "height", "batch_position",
    "encode_s", "upload_s",
)  # fmt: skip
_OF_BATCH = (
    "model", "revision", "scheduler", "steps", "effective_steps", "denoiser_calls", "guidance_scale", "dtype",
    "batch_size", "started_at",
)  # fmt: skip
#: Rows that are gathered as Python values before they become a frame.
_GATHERED = 2000

#: The tasks at positions ``[start, stop)``: `farm.plan.plan.Plan.tasks`.
Tasks = Callable[[int, int], Sequence[RenderTask]]


def schema(columns: Mapping[str, type]) -> dict[str, Any]:
    """Columns with the types that polars has for them."""
    import polars as pl

    return {name: getattr(pl, _KINDS[kind]) for name, kind in columns.items()}


class Gathered:
    """Rows of one table, column by column; Python values only of the last few."""

    def __init__(self, columns: Mapping[str, type]) -> None:
        self._schema = schema(columns)
        self._columns: dict[str, list[Any]] = {name: [] for name in columns}
        self._frames: list[pl.DataFrame] = []
        self._count = 0

    def add(self, count: int, values: Mapping[str, Any], columns: Mapping[str, Sequence[Any]]) -> None:
        """Add `count` rows: values that are the same in all of them, and columns of that length; others are left."""
        for name, column in self._columns.items():
            column.extend(columns[name] if name in columns else [values[name]] * count)
        self._count += count
        if self._count >= _GATHERED:
            self._settle()

    def frame(self) -> "pl.DataFrame":
        """All rows, in the order they were added."""
        import polars as pl

        self._settle()
        return pl.concat(self._frames, rechunk=True)

    def _settle(self) -> None:
        import polars as pl

        self._frames.append(pl.DataFrame(self._columns, schema=self._schema))
        self._columns = {name: [] for name in self._columns}
        self._count = 0


def attempt_values(record: Record, *, won: int) -> dict[str, Any]:
    """A row of ``attempts``: a record, and how many of its positions count."""
    about = record.model_dump(exclude={"batches", "images", "worker", "error"}) | record.worker.model_dump()
    return about | {"won": won, "worker": record.worker.id, "error": record.error.message if record.error else None}


def batch_values(record: Record, batch: BatchRecord, *, won: int) -> dict[str, Any]:
    """A row of ``batches``: one diffusers call of a record that rendered, and how many of its pictures count."""
    worker = record.worker
    about = {"worker": worker.id, "session": worker.session, "gpu": worker.gpu, "price_per_hour": worker.price_per_hour}
    return batch.model_dump() | about | {"won": won, "epoch": record.epoch, "counter": record.counter}


def batch_seconds(batch: BatchRecord) -> float:
    """Seconds of the GPU thread that a whole call took, prompt encoding to post, also where the record holds a part."""
    return math.fsum((batch.encode_prompt_s, batch.denoise_s, batch.decode_s, batch.post_s))


def add_images(rows: Gathered, record: Record, won: Sequence[Interval], tasks: Tasks) -> None:
    """Add a row of ``images`` for every position that the record won.

    Raises:
        KeyError: the record has no batch for one of its pictures.
    """
    inside = {place: number for number, batch in enumerate(record.batches) for place in range(batch.start, batch.stop)}
    for start, stop in won:
        drawn = dict(enumerate(tasks(start, stop), start))
        images = [image for image in record.images if start <= image.position < stop]
        for number, found in groupby(images, key=lambda image: inside[image.position]):
            mine = list(found)
            _add_batch(rows, record, record.batches[number], mine, [drawn[image.position] for image in mine])


def _add_batch(
    rows: Gathered, record: Record, batch: BatchRecord, images: Sequence[ImageRecord], tasks: Sequence[RenderTask]
) -> None:
    """Pictures of one batch: each is charged one `batch_size`-th of it."""
    size = batch.batch_size
    values = {name: getattr(batch, name) for name in _OF_BATCH} | {
        "worker": record.worker.id,
        "gpu": record.worker.gpu,
        "price_per_hour": record.worker.price_per_hour,
        "queued_s": record.claimed_at - record.queued_at,
        "seconds": batch_seconds(batch) / size,
        "encode_prompt_s": batch.encode_prompt_s / size,
        "denoise_s": batch.denoise_s / size,
        "decode_s": batch.decode_s / size,
        "post_s": batch.post_s / size,
    }
    columns: dict[str, Sequence[Any]] = {name: [getattr(image, name) for image in images] for name in _OF_IMAGE}
    columns["seed"] = [str(image.seed) for image in images]
    columns["prompt"] = [task.prompt for task in tasks]
    columns["negative_prompt"] = [task.negative_prompt for task in tasks]
    columns["meta"] = [_meta(task) for task in tasks]
    rows.add(len(images), values, columns)


def _meta(task: RenderTask) -> str | None:
    return json.dumps(task.meta, ensure_ascii=False, separators=(",", ":"), default=str) if task.meta else None


def rendered_batches(record: Record) -> Iterator[BatchRecord]:
    """The batches of a record that rendered; others made nothing that could be charged or measured."""
    return iter(record.batches if record.outcome is Outcome.RENDERED else ())


def to_parquet(frame: "pl.DataFrame", *, digest: str) -> bytes:
    """A table as one Parquet file that carries the digest of what it was made of."""
    out = io.BytesIO()
    frame.write_parquet(out, metadata={"digest": digest})
    return out.getvalue()


def digest_of(data: bytes) -> str | None:
    """The digest that a Parquet file carries; None where it carries none.

    Raises:
        polars.exceptions.PolarsError: it is no Parquet file.
    """
    import polars as pl

    return pl.read_parquet_metadata(io.BytesIO(data)).get("digest")
