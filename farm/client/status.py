"""One job as its user sees it, from the ledger while Redis knows it and from the store afterwards."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from farm.economics.deadline import late_s
from farm.ledger.values import JobState, JobStatus, kept_until

if TYPE_CHECKING:
    from farm.plan.plan import Plan

#: Why nothing of a job goes on while no coordinator leads.
NOT_LED = "No coordinator is running: start `farm coordinator` or `farm up`."


@dataclass(frozen=True, slots=True)
class Images:
    """How many of a job's images are where."""

    total: int
    done: int
    failed: int
    #: In ranges that a worker holds now.
    running: int

    @property
    def accounted(self) -> int:
        """Images that nothing more will happen to: done or failed."""
        return self.done + self.failed


@dataclass(frozen=True, slots=True)
class Status:
    """One job now. Instants are POSIX seconds (UTC), durations are seconds."""

    job: str
    name: str
    state: JobState
    #: Why it is paused, failed or waiting.
    reason: str | None
    images: Images
    started_at: float | None
    finished_at: float | None
    #: Seconds until the last image at the rate so far; None when nothing can be said.
    eta_s: float | None
    #: Seconds by which the job will miss its deadline; None without a deadline.
    late_s: float | None
    #: Busy seconds of GPU threads, failed and lost attempts included.
    gpu_s: float
    #: None when no worker that served the job has a price.
    cost_usd: float | None
    #: When the job is removed, because its user wanted it to be; None when it is kept. No part of the document.
    kept_until: float | None = None

    def to_json(self) -> dict[str, Any]:
        """The document of `farm status --json`."""
        document = asdict(self)
        del document["kept_until"]
        return document

    @classmethod
    def from_ledger(cls, job: JobStatus, *, now: float, hindrance: str | None = None) -> "Status":
        """The status of a job that the ledger knows.

        Args:
            job: what the ledger knows.
            now: POSIX seconds of its clock.
            hindrance: why nothing at all goes on, such as `NOT_LED`; a job that could go on says so.
        """
        waits = job.state in (JobState.QUEUED, JobState.RUNNING)
        eta = _eta(job, now=now)
        return cls(
            job=job.job_id,
            name=job.name,
            state=job.state,
            reason=(hindrance if waits else None) or job.reason,
            images=Images(job.images, job.done, job.failed, job.running),
            started_at=job.started_at,
            finished_at=job.finished_at,
            eta_s=eta,
            late_s=late_s(job.finish_by, now=now, eta_s=eta, finished_at=job.finished_at),
            gpu_s=job.gpu_s,
            cost_usd=job.cost_usd,
            kept_until=kept_until(job.finished_at, job.keep_days) if job.state.over else None,
        )

    @classmethod
    def from_finished(cls, plan: "Plan", document: Mapping[str, Any]) -> "Status":
        """The status of a job that ended, as ``finished.json`` tells it."""
        images = document.get("images") or {}
        return cls(
            job=plan.job_id,
            name=plan.name,
            state=JobState(document["state"]),
            reason=document.get("reason"),
            images=Images(plan.images, int(images.get("done", 0)), int(images.get("failed", 0)), 0),
            started_at=document.get("started_at"),
            finished_at=document.get("finished_at"),
            eta_s=None,
            late_s=late_s(plan.run.deadline, now=0.0, eta_s=None, finished_at=document.get("finished_at")),
            gpu_s=float(document.get("gpu_s") or 0.0),
            cost_usd=document.get("cost_usd"),
        )

    @classmethod
    def from_plan(cls, plan: "Plan") -> "Status":
        """The status of a job whose plan is in the store and that the ledger has lost."""
        return cls(
            job=plan.job_id,
            name=plan.name,
            state=JobState.QUEUED,
            reason="The ledger does not know this job yet: a coordinator takes it up from the store.",
            images=Images(plan.images, 0, 0, 0),
            started_at=None,
            finished_at=None,
            eta_s=None,
            late_s=None,
            gpu_s=0.0,
            cost_usd=None,
        )


def _eta(job: JobStatus, *, now: float) -> float | None:
    """Seconds left at the average rate since the job started."""
    accounted = job.done + job.failed
    if job.state is not JobState.RUNNING or job.started_at is None or not accounted:
        return None
    return max(0.0, now - job.started_at) / accounted * (job.images - accounted)
