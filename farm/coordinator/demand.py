"""What the jobs ask for, as the assignment and the policy see it. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from farm.coordinator.assign import Demand, Seat, given_up, obstacle, ranges
from farm.coordinator.policy import Ready
from farm.ledger.jobs import GroupLoad
from farm.ledger.values import JobEntry, JobState, JobStatus


@dataclass(frozen=True, slots=True)
class JobView:
    """One active job, as it is at one moment."""

    entry: JobEntry
    status: JobStatus
    loads: Sequence[GroupLoad]
    #: Why its ranges are not sent now, though it runs; None when they are.
    closed: str | None = None

    @property
    def runs(self) -> bool:
        """Whether its ranges may be sent."""
        return self.status.state in (JobState.QUEUED, JobState.RUNNING) and self.closed is None

    @property
    def out(self) -> int:
        """Ranges that are sent or leased."""
        return sum(load.sent + load.leased for load in self.loads)

    @property
    def leased(self) -> int:
        """Ranges that a worker holds."""
        return sum(load.leased for load in self.loads)

    @property
    def unclaimed(self) -> list[GroupLoad]:
        """Groups that have images nobody has claimed."""
        return [load for load in self.loads if not load.blocked and load.waiting + load.sent_images > 0]

    def asks(self, load: GroupLoad) -> Demand:
        """What one of its groups asks for."""
        images = load.waiting + load.sent_images
        return Demand(
            queue=load.group.queue,
            waiting=images,
            ranges=ranges(images, self.entry.range_size),
            priority=self.entry.priority,
            min_vram_gb=self.entry.min_vram_gb,
            submitted_at=self.entry.submitted_at,
        )


def hindrance(job: JobView, seats: Sequence[Seat]) -> str | None:
    """Why something of a running job waits, for its hours or for a worker, as a sentence; None when nothing does."""
    if job.closed and job.unclaimed and job.status.state in (JobState.QUEUED, JobState.RUNNING):
        return job.closed
    found = (obstacle(seats, job.asks(load)) for load in job.unclaimed) if job.runs else iter(())
    return next((sentence for sentence in found if sentence), None)


def hopeless(job: JobView, seats: Sequence[Seat], *, now: float) -> dict[int, str]:
    """Groups of a running job whose pipeline no worker can load, each with a worker's sentence."""
    unclaimed = job.unclaimed if job.runs else []
    found = {load.group.number: given_up(seats, job.asks(load), now=now) for load in unclaimed}
    return {number: sentence for number, sentence in found.items() if sentence}


def demands(jobs: Iterable[JobView], seats: Sequence[Seat]) -> list[Demand]:
    """What waits, queue by queue; what no live worker can serve is left out, so that it hinders nobody."""
    asked = [job.asks(load) for job in jobs if job.runs for load in job.unclaimed]
    able = sorted((each for each in asked if obstacle(seats, each) is None), key=lambda each: each.queue)
    return [_together(queue, list(parts)) for queue, parts in groupby(able, key=lambda each: each.queue)]


def _together(queue: str, parts: Sequence[Demand]) -> Demand:
    return Demand(
        queue=queue,
        waiting=sum(part.waiting for part in parts),
        ranges=sum(part.ranges for part in parts),
        priority=max(part.priority for part in parts),
        min_vram_gb=max((part.min_vram_gb for part in parts if part.min_vram_gb is not None), default=None),
        submitted_at=max(part.submitted_at for part in parts),
    )


def ready(jobs: Iterable[JobView], seats: Sequence[Seat]) -> list[Ready]:
    """Groups that may be sent: their job runs, they wait, and some live worker can serve them."""
    return [
        Ready(
            job_id=job.entry.job_id,
            group=load.group.number,
            queue=load.group.queue,
            images=load.group.stop - load.group.start,
            waiting=load.waiting,
            range_size=job.entry.range_size,
            priority=job.entry.priority,
            submitted_at=job.entry.submitted_at,
        )
        for job in jobs
        if job.runs
        for load in job.unclaimed
        if load.waiting and obstacle(seats, job.asks(load)) is None
    ]


def sent_by_queue(jobs: Iterable[JobView]) -> Mapping[str, int]:
    """Ranges that nobody has claimed yet, by queue."""
    sent: dict[str, int] = {}
    for job in jobs:
        for load in job.loads:
            if load.sent:
                sent[load.group.queue] = sent.get(load.group.queue, 0) + load.sent
    return sent
