"""One attempt at a range, from its lease to its closing: what was rendered, what failed, what was not done."""

from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from farm.ledger.values import Signal
from farm.manifest.task import RenderTask
from farm.profile.outcome import Outcome
from farm.profile.record import BatchRecord, ErrorInfo, ImageRecord, Record, WorkerInfo
from workers.batch import Failure
from workers.lease import Held

if TYPE_CHECKING:
    import numpy as np

    from farm.plan.plan import Plan
    from workers.parameters import Origin


@dataclass(frozen=True, slots=True)
class Picture:
    """A rendered image on its way to the store."""

    position: int
    task: RenderTask
    pixels: "np.ndarray[Any, Any]"
    batch_position: int
    origin: "Origin"


@dataclass(frozen=True, slots=True)
class Busy:
    """Seconds of the GPU thread that a run of positions is charged."""

    start: int
    stop: int
    seconds: float

    def share(self, start: int, stop: int) -> float:
        """The part of them that falls to positions ``[start, stop)``."""
        common = max(0, min(stop, self.stop) - max(start, self.start))
        return self.seconds * common / (self.stop - self.start)


@dataclass(frozen=True, slots=True)
class Part:
    """A contiguous sub-range of an attempt with one outcome."""

    start: int
    stop: int
    outcome: Outcome
    error: ErrorInfo | None = None
    certain: bool = False


@dataclass(eq=False)
class Attempt:
    """One attempt at a range.

    Args:
        held: its lease.
        plan: plan of its job.
        tasks: those of its range, read before the first is rendered.
        started_at: when the GPU thread took it up, POSIX seconds.
    """

    held: Held
    plan: "Plan"
    tasks: Sequence[RenderTask]
    started_at: float
    load_s: float = 0.0
    batches: list[BatchRecord] = field(default_factory=list)
    busy: list[Busy] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    uploads: dict[int, Future[ImageRecord | Failure | None]] = field(default_factory=dict)
    stopped: Signal | None = None

    def between(self, start: int, stop: int) -> Sequence[RenderTask]:
        """The tasks at positions `start` to `stop`, exclusive."""
        first = self.held.lease.range.start
        return self.tasks[start - first : stop - first]

    def results(self) -> tuple[dict[int, ImageRecord], list[Failure]]:
        """Wait for the uploads: the pictures that are in the store, and every failure."""
        images: dict[int, ImageRecord] = {}
        failures = list(self.failures)
        for position, upload in self.uploads.items():
            found = upload.result()
            if isinstance(found, ImageRecord):
                images[position] = found
            elif found is not None:
                failures.append(found)
        return images, failures

    def rest(self) -> Outcome:
        """What happened to the positions that were neither rendered nor failed."""
        return Outcome.CANCELLED if self.stopped in (Signal.CANCEL, Signal.LOST) else Outcome.RETURNED


def parts(start: int, stop: int, *, images: Sequence[int], failures: Sequence[Failure], rest: Outcome) -> list[Part]:
    """Cut a range into runs of one outcome each; a failure is a run of its own, and a picture outranks a failure."""
    outcomes: dict[int, Part] = {}
    for failure in failures:
        error = ErrorInfo(kind=failure.kind, message=failure.message)
        whole = Part(failure.start, failure.stop, Outcome.FAILED, error, failure.certain)
        outcomes |= dict.fromkeys(range(failure.start, failure.stop), whole)
    rendered, left = Part(start, stop, Outcome.RENDERED), Part(start, stop, rest)
    outcomes |= dict.fromkeys(images, rendered)
    return list(_runs(start, [outcomes.get(position, left) for position in range(start, stop)]))


def _runs(start: int, labels: Sequence[Part]) -> Iterator[Part]:
    """Consecutive positions of one label become one part."""
    first = 0
    for index in range(1, len(labels) + 1):
        if index == len(labels) or labels[index] is not labels[first]:
            label = labels[first]
            yield replace(label, start=start + first, stop=start + index)
            first = index


def record(  # noqa: PLR0913 by name
    attempt: Attempt, part: Part, *, images: dict[int, ImageRecord], worker: WorkerInfo, first: bool, now: float
) -> Record:
    """The record of one part; the attempt's first one carries its load time.

    A batch that reaches into several parts is in each of them, with `start` and `stop` cut to the part and the seconds
    of the whole call: an image's share is one `batch_size`-th.
    """
    lease = attempt.held.lease
    load_s = attempt.load_s if first else 0.0
    return Record(
        job=lease.range.job_id,
        start=part.start,
        stop=part.stop,
        epoch=lease.token.epoch,
        counter=lease.token.counter,
        outcome=part.outcome,
        worker=worker,
        queued_at=lease.queued_at,
        claimed_at=lease.claimed_at,
        started_at=attempt.started_at,
        finished_at=now,
        load_s=load_s,
        busy_s=load_s + sum(busy.share(part.start, part.stop) for busy in attempt.busy),
        batches=[
            batch.model_copy(update={"start": max(batch.start, part.start), "stop": min(batch.stop, part.stop)})
            for batch in attempt.batches
            if batch.start < part.stop and part.start < batch.stop
        ],
        images=[images[position] for position in range(part.start, part.stop)]
        if part.outcome is Outcome.RENDERED
        else [],
        error=part.error,
    )
