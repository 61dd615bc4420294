"""Records of pictures that nobody drew: what a worker would have written, with made-up hashes."""

import hashlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

from farm.ledger.values import Lease
from farm.plan.ranges import batches
from farm.profile.outcome import Outcome
from farm.profile.record import BatchRecord, ErrorInfo, ImageRecord, Record, WorkerInfo
from farm.profile.seconds import Kind, Span

if TYPE_CHECKING:
    from farm.plan.plan import Plan

#: How a batch's time is shared out.
SHARES = ((Kind.ENCODE_PROMPT, 0.03), (Kind.DENOISE, 0.85), (Kind.DECODE, 0.09), (Kind.POST, 0.03))
#: Bytes of a picture that is not there.
SIZE = 300_000


def batch_bounds(plan: "Plan", start: int, stop: int) -> Iterator[tuple[int, int]]:
    """Runs of positions that one diffusers call would take."""
    return batches(plan, start, stop, plan.run.batch)


def batch_record(plan: "Plan", start: int, stop: int, *, began: float, ended: float) -> BatchRecord:
    """A batch that took all the time between two instants."""
    task = plan.task(start)
    seconds = {kind: share * (ended - began) for kind, share in SHARES}
    return BatchRecord(
        start=start,
        stop=stop,
        batch_size=stop - start,
        dtype="float32",
        model=task.pipeline.model,
        revision=task.pipeline.revision,
        width=task.width,
        height=task.height,
        steps=task.steps,
        effective_steps=task.steps,
        denoiser_calls=task.steps,
        scheduler=task.scheduler,
        guidance_scale=task.guidance_scale,
        started_at=began,
        encode_prompt_s=seconds[Kind.ENCODE_PROMPT],
        step_s=[round(seconds[Kind.DENOISE] / task.steps, 7)] * task.steps,
        denoise_s=seconds[Kind.DENOISE],
        decode_s=seconds[Kind.DECODE],
        post_s=seconds[Kind.POST],
    )


def batch_spans(batch: BatchRecord, *, token: str, job: str) -> Iterator[Span]:
    """The same batch in the worker's ledger of seconds."""
    at = batch.started_at
    measured = (batch.encode_prompt_s, batch.denoise_s, batch.decode_s, batch.post_s)
    for (kind, _), seconds in zip(SHARES, measured, strict=True):
        yield Span(kind, at, at + seconds, job, batch.start, batch.stop, token)
        at += seconds


def image_record(plan: "Plan", position: int, *, first: int) -> ImageRecord:
    """A picture of a batch that began at `first`."""
    task = plan.task(position)
    task_id = task.task_id
    return ImageRecord(
        position=position,
        index=task.index,
        task_id=task_id,
        custom_id=task.custom_id,
        name=plan.image_name(task),
        seed=task.seed,
        sha256=hashlib.sha256(task_id.encode()).hexdigest(),
        bytes=SIZE,
        width=task.width,
        height=task.height,
        batch_position=position - first,
        encode_s=0.08,
        upload_s=0.02,
    )


def record(  # noqa: PLR0913 by name
    lease: Lease,
    worker: WorkerInfo,
    *,
    start: int,
    stop: int,
    outcome: Outcome,
    batches: list[BatchRecord],
    images: list[ImageRecord],
    began: float,
    ended: float,
    busy: float,
) -> Record:
    """The record of one part of an attempt."""
    failed = outcome is Outcome.FAILED
    return Record(
        job=lease.range.job_id,
        start=start,
        stop=stop,
        epoch=lease.token.epoch,
        counter=lease.token.counter,
        outcome=outcome,
        worker=worker,
        queued_at=lease.queued_at,
        claimed_at=lease.claimed_at,
        started_at=began,
        finished_at=ended,
        load_s=0.0,
        busy_s=busy,
        batches=batches,
        images=images,
        error=ErrorInfo(kind="RenderError", message="The picture is black.") if failed else None,
    )
