"""A job to work on, and the few moves that most tests of the ledger make."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from farm.ledger.ledger import Ledger
from farm.ledger.values import GroupEntry, JobEntry, Lease, Progress
from farm.plan.ranges import WorkRange

ENTRY = JobEntry(
    job_id="mugs-1",
    name="mugs",
    images=32,
    groups=(GroupEntry(0, 0, 20, "red"), GroupEntry(1, 20, 32, "blue")),
    submitted_at=1000.0,
    range_size=8,
)


class Moves:
    """The moves of a coordinator and its workers on one job."""

    job_id = ENTRY.job_id

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger

    def open(self, **changes: object) -> JobEntry:
        """Open the job, changed."""
        entry = replace(ENTRY, **changes)  # type: ignore[arg-type]
        assert self.ledger.open(entry)
        return entry

    def send(self, size: int = 8, group: int = 0) -> WorkRange:
        """Dispatch the next range."""
        found = self.ledger.dispatch(self.job_id, group, size)
        assert found is not None
        return found

    def lease(self, size: int = 8, *, group: int = 0, worker: str = "w1") -> Lease:
        """Dispatch and claim the next range."""
        found = self.ledger.claim(self.send(size, group), worker=worker)
        assert isinstance(found, Lease)
        return found

    def commit(self, lease: Lease) -> list[int]:
        """Commit all of a lease."""
        return self.ledger.commit(lease, lease.range.start, lease.range.stop, seconds=1.0, price=None)

    def waiting(self) -> list[tuple[int, int]]:
        """Every range that can be dispatched, in the order it would be; takes them."""
        taken = []
        for group in (0, 1):
            while found := self.ledger.dispatch(self.job_id, group, 1000):
                taken.append((found.start, found.stop))
        return taken

    def progress(self, ticks: int = 1, **fields: object) -> Progress:
        """What a worker that renders says."""
        return Progress(ticks=ticks, doing="rendering", **fields)  # type: ignore[arg-type]

    def render(self, lease: Lease, worker: str = "w1", **fields: object) -> None:
        """Renew as a worker does that has loaded the model."""
        self.ledger.renew(lease, worker=worker, progress=self.progress(**fields))  # type: ignore[arg-type]

    def expire(self) -> None:
        """Let every lease run out and sweep the job."""
        self.ledger.shift_clock(self.ledger.lease + 1)
        self.ledger.sweep(self.job_id, grace=1000, queue_lengths={})


@pytest.fixture
def moves(ledger: Ledger) -> Moves:
    """Moves on a job that is not open yet."""
    return Moves(ledger)


@pytest.fixture
def opened(moves: Moves) -> Moves:
    """Moves on a job of 32 images: 20 on queue red, 12 on queue blue."""
    moves.open()
    return moves


@pytest.fixture
def beat(ledger: Ledger) -> Callable[..., None]:
    """Let workers be alive."""

    def alive(*names: str, **info: object) -> None:
        for name in names:
            ledger.register(name, info)

    return alive
