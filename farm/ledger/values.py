"""The values the ledger gives and takes."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from farm.plan.ranges import WorkRange
from farm.profile.outcome import Token


class JobState(StrEnum):
    """State of a job as the user sees it."""

    QUEUED = "queued"  #: submitted, nothing claimed yet
    RUNNING = "running"  #: ranges are out, or will be
    PAUSED = "paused"  #: nothing new is dispatched; `reason` says why
    DONE = "done"  #: every picture is in the store, tables and results too
    FAILED = "failed"  #: over, with at least one failed task
    CANCELLED = "cancelled"  #: over by the user's word

    @property
    def over(self) -> bool:
        """Whether nothing will happen to the job by itself any more."""
        return self in (JobState.DONE, JobState.FAILED, JobState.CANCELLED)


class Refusal(StrEnum):
    """Why a claim was not granted."""

    DONE = "done"  #: every position has its bit
    CANCELLED = "cancelled"  #: the job is over
    TAKEN = "taken"  #: leased to somebody, or no longer outstanding
    PAUSED = "paused"  #: the range was put back in the same script
    UNKNOWN = "unknown"  #: the ledger does not know the job (yet)


class Signal(StrEnum):
    """Answer to a renewal."""

    CONTINUE = "continue"  #: the lease is extended
    CANCEL = "cancel"  #: the job was cancelled: stop within a step
    DRAIN = "drain"  #: finish the batch, give the rest back
    LOST = "lost"  #: the token is no longer current: stop rendering


@dataclass(frozen=True, slots=True)
class GroupEntry:
    """A group as the ledger keeps it: positions ``[start, stop)`` served by one queue."""

    number: int
    start: int
    stop: int
    queue: str


@dataclass(frozen=True, slots=True)
class JobEntry:
    """What the ledger is told of a job when it is opened or rebuilt."""

    job_id: str
    name: str
    images: int
    groups: tuple[GroupEntry, ...]
    submitted_at: float
    priority: int = 50
    max_attempts: int = 3
    #: Images per range.
    range_size: int = 32
    min_vram_gb: float | None = None
    #: Days after its end on which the job is removed; None keeps it.
    keep_days: int | None = None
    #: Daily hours in which its ranges are sent; None is always.
    window: str | None = None
    #: When it is to be over, POSIX seconds.
    finish_by: float | None = None


@dataclass(frozen=True, slots=True)
class Lease:
    """A granted claim: the range is this worker's until `seconds` after the last renewal."""

    range: WorkRange
    token: Token
    seconds: float
    #: When the coordinator sent the range and when it was claimed, POSIX seconds of the Redis clock.
    queued_at: float
    claimed_at: float


@dataclass(frozen=True, slots=True)
class Progress:
    """What a renewal carries: live progress for `watch`, and the proof that something moves."""

    #: Any value that changes when work moves, such as steps run so far in this session.
    ticks: int
    #: What the worker does: ``loading``, ``rendering``, ``publishing``, or ``waiting`` for the store.
    doing: str
    step: int = 0
    steps: int = 0
    #: Images of this range whose batch is denoised.
    images: int = 0
    #: Busy seconds of the GPU thread in this attempt so far, for the record of a lost attempt.
    busy_s: float = 0.0
    #: Seconds without a new tick after which the lease is not extended any more.
    patience_s: float = 120.0
    #: Why it waits, for the job's user.
    trouble: str = ""


@dataclass(frozen=True, slots=True)
class FailedPart:
    """A sub-range ``[start, stop)`` of a lease that failed."""

    start: int
    stop: int
    #: One sentence, kept with each task of it that is given up.
    sentence: str
    #: It would fail again wherever it is tried: all of it is given up at once.
    certain: bool = False


@dataclass(frozen=True, slots=True)
class Expired:
    """An attempt whose lease ran out, found by the sweep."""

    range: WorkRange
    token: Token
    worker: str
    claimed_at: float
    renewed_at: float
    queued_at: float
    busy_s: float
    #: Positions that this strike put into quarantine.
    quarantined: tuple[int, ...] = ()


def kept_until(finished_at: float | None, keep_days: float | None) -> float | None:
    """When a job that ended is removed, POSIX seconds; None when it is kept."""
    return None if finished_at is None or keep_days is None else finished_at + keep_days * 86_400.0


@dataclass(frozen=True, slots=True)
class JobStatus:
    """One job as the ledger sees it now."""

    job_id: str
    name: str
    state: JobState
    reason: str | None
    images: int
    done: int
    failed: int
    #: Images in ranges that a worker holds a lease on.
    running: int
    priority: int
    submitted_at: float
    started_at: float | None
    finished_at: float | None
    #: Busy seconds of GPU threads, failed and lost attempts included.
    gpu_s: float
    #: None when no worker that served it has a price.
    cost_usd: float | None
    #: Days after its end on which the job is removed; None keeps it.
    keep_days: int | None = None
    #: When it is to be over, POSIX seconds.
    finish_by: float | None = None


@dataclass(frozen=True, slots=True)
class WorkerStatus:
    """One worker as the ledger sees it now."""

    id: str
    host: str
    device: str
    gpu: str
    vram_gb: float | None
    price_per_hour: float | None
    #: The queue it serves, None before its first assignment.
    queue: str | None
    #: Queues whose pipelines it has loaded.
    loaded: tuple[str, ...]
    #: ``idle``, ``loading``, ``rendering``, ``publishing``, ``waiting``, ``draining``.
    doing: str
    job_id: str | None
    step: int
    steps: int
    images_done: int
    started_at: float
    seen_at: float
    #: Queue -> the sentence that says why this worker cannot load its pipeline.
    unfit: Mapping[str, str] = field(default_factory=dict)
    #: Queue -> when it said so, POSIX seconds of the Redis clock.
    unfit_at: Mapping[str, float] = field(default_factory=dict)
