"""Follow a job: what it is at, how fast it goes, and what every worker does."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from farm.client.rate import Rate
from farm.errors import LedgerError
from farm.ledger.values import JobState

if TYPE_CHECKING:
    from farm.client.connection import Connection
    from farm.client.status import Status
    from farm.ledger.values import WorkerStatus

#: Seconds between two looks.
INTERVAL = 0.5
#: Seconds that Redis may be away, such as while it is started again, before a follower gives up.
PATIENCE = 60.0


@dataclass(frozen=True, slots=True)
class Update:
    """A job at one instant."""

    status: "Status"
    workers: tuple["WorkerStatus", ...]
    #: Pictures made over the last minute, failures not counted; None while none was.
    images_per_s: float | None
    steps_per_s: float | None
    #: Seconds left at the rate of the last minute, else at the average rate; None unless the job runs.
    eta_s: float | None


@dataclass(frozen=True, slots=True)
class View:
    """Where a follower looks."""

    status: "Callable[[], Status]"
    workers: "Callable[[], list[WorkerStatus]]"
    #: Steps of one image of the job, on average.
    steps_per_image: float
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep


def follow(view: View, *, interval: float = INTERVAL, timeout: float | None = None) -> Iterator[Update]:
    """One update per interval, the last one when the job is over.

    Raises:
        TimeoutError: the job is not over after `timeout` seconds; it goes on.
        LedgerError: Redis was away for longer than `PATIENCE`.
    """
    rates = Rate(), Rate()
    began = seen = view.clock()
    while True:
        try:
            update = _look(view, *rates)
        except LedgerError:
            if view.clock() - seen > PATIENCE:
                raise
        else:
            seen = view.clock()
            yield update
            if update.status.state.over:
                return
        if timeout is not None and view.clock() - began >= timeout:
            raise TimeoutError(f"The job is not over after {timeout:g} s; it goes on.")
        view.sleep(interval)


def _look(view: View, made: Rate, settled: Rate) -> Update:
    """One look; what failed is no picture made, and yet nobody waits for it."""
    status, workers = view.status(), tuple(view.workers())
    made.observe(view.clock(), status.images.done)
    settled.observe(view.clock(), status.images.accounted)
    images_per_s, settled_per_s = made.per_second(), settled.per_second()
    left = status.images.total - status.images.accounted
    return Update(
        status=status,
        workers=workers,
        images_per_s=images_per_s,
        steps_per_s=None if images_per_s is None else images_per_s * view.steps_per_image,
        eta_s=left / settled_per_s if settled_per_s and status.state is JobState.RUNNING else status.eta_s,
    )


def view(job_id: str, connection: "Connection") -> View:
    """Where to look for one job."""
    from farm.client.lookup import status_of
    from farm.client.submit import read_plan

    plan = read_plan(connection.store, job_id)
    return View(
        status=lambda: status_of(job_id, connection),
        workers=connection.ledger.workers,
        steps_per_image=plan.steps / max(1, plan.images),
    )
