"""A coordinator on a real Redis and a store in memory, with messages that are kept instead of sent."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from farm.coordinator.demand import JobView
from farm.coordinator.loop import Coordinator
from farm.ledger.values import GroupEntry, JobEntry, JobState, JobStatus, Lease
from farm.plan.ranges import WorkRange

#: `Stage` of the conftest above: a farm's client, its ledger and its store.
Stage = Any


class Outbox:
    """Keeps what was sent, by queue; a test takes it as a worker would."""

    def __init__(self) -> None:
        self.queues: dict[str, list[WorkRange]] = defaultdict(list)
        self.error: Exception | None = None

    def __call__(self, queue: str, ranges: Sequence[WorkRange]) -> None:
        """Send, or refuse to."""
        if self.error:
            raise self.error
        self.queues[queue].extend(ranges)

    def take(self) -> list[WorkRange]:
        """Everything that waits."""
        found = [rng for ranges in self.queues.values() for rng in ranges]
        self.queues.clear()
        return found


class Ticking:
    """A coordinator that is ticked by hand, on a clock that jumps."""

    def __init__(self, stage: Stage) -> None:
        self.stage, self.outbox, self.time = stage, Outbox(), 1000.0
        self.coordinator = self.another("c1")

    def another(self, name: str) -> Coordinator:
        """One more coordinator of the same farm."""
        return Coordinator(self.stage.ledger, self.stage.store, self.outbox, name=name, clock=lambda: self.time)

    def tick(self, times: int = 1, *, seconds: float = 1.0) -> None:
        """Tick, a second apart; the workers that are known beat meanwhile."""
        for _ in range(times):
            self.time += seconds
            self.stage.ledger.shift_clock(seconds)
            for worker in self.stage.ledger.workers(within=None):
                self.stage.ledger.beat(worker.id)
            self.coordinator.tick()

    def claim(self, worker: str = "w1") -> list[Lease]:
        """Claim everything that was sent."""
        found = [self.stage.ledger.claim(rng, worker=worker) for rng in self.outbox.take()]
        return [lease for lease in found if isinstance(lease, Lease)]


@pytest.fixture
def ticking(stage: Stage) -> Iterator[Ticking]:
    """A coordinator of the test's own farm, with one worker."""
    found = Ticking(stage)
    stage.ledger.register("w1", {"gpu": "Test CPU"})
    yield found
    found.coordinator.close()


def view(
    *, waiting: Sequence[int] = (32,), state: JobState = JobState.RUNNING, sent: int = 0, **changes: Any
) -> JobView:
    """A job of groups on queues q0, q1, …, with so many images waiting in each."""
    from farm.ledger.jobs import GroupLoad

    groups = tuple(GroupEntry(number, number * 100, number * 100 + 100, f"q{number}") for number in range(len(waiting)))
    entry = JobEntry("mugs", "mugs", 100 * len(groups), groups, submitted_at=1.0, range_size=8, **changes)
    status = JobStatus("mugs", "mugs", state, None, entry.images, 0, 0, 0, entry.priority, 1.0, None, None, 0.0, None)
    loads = [
        GroupLoad(group, waiting=images, sent=sent, sent_images=sent * 8, leased=0)
        for group, images in zip(groups, waiting, strict=True)
    ]
    return JobView(entry, status, loads)


@pytest.fixture
def make_view() -> Any:
    """Makes a `JobView`."""
    return view
