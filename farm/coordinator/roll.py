"""Tables of large jobs, written while the jobs run: a slice at a time, beside the loop, so that the end comes soon.

Nothing here is state: which slices are worth a look follows from the ledger's bits, and what is in the store from the
parts themselves. A coordinator that was just started looks at every slice once and writes those that are behind.
"""

import ctypes
import logging
import os
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field

from farm.client.submit import read_plan
from farm.coordinator.demand import JobView
from farm.ledger.ledger import Ledger
from farm.plan.plan import Plan
from farm.profile.fold import fold
from farm.report.slices import SLICE, done_by_slice, names_near, slices
from farm.store.store import Store

log = logging.getLogger(__name__)

#: Images by which a slice is behind when it is brought up to date while more come: it is written some four times.
RIPE = SLICE // 4
#: Seconds after which a slice that nothing is added to is brought up to date, however little it is behind.
QUIET = 10.0
#: Seconds between two looks at a job of which no slice was behind, and after one that failed.
PAUSE, RETRY_AFTER = 2.0, 10.0

#: How polars' allocator is told to give memory back at once.
_FRUGAL = "dirty_decay_ms:0,muzzy_decay_ms:0"
#: glibc's number of the setting that says how many heaps threads share; each keeps what it once held.
_M_ARENA_MAX = -8


def be_frugal() -> None:
    """Keep this process small, whatever the size of its jobs: called before threads begin and polars is imported."""
    inherited = os.environ.get("_RJEM_MALLOC_CONF")  # polars sets its own, which its child processes inherit
    os.environ["_RJEM_MALLOC_CONF"] = f"{inherited},{_FRUGAL}" if inherited else _FRUGAL
    os.environ.setdefault("POLARS_MAX_THREADS", "2")  # a guest on a large machine
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # other C libraries have none, and one heap
    if mallopt is not None:
        mallopt(_M_ARENA_MAX, 1)


@dataclass(slots=True)
class Progress:
    """What is remembered of one job, to save looks at the store.

    Args:
        plan: the job's plan.
        rolled: slice -> its rendered images when it was brought up to date.
        seen: slice -> its rendered images, and since when they are as many.
    """

    plan: Plan
    rolled: dict[int, int] = field(default_factory=dict)
    seen: dict[int, tuple[int, float]] = field(default_factory=dict)
    not_before: float = 0.0

    def behind(self, counts: Sequence[int], *, now: float) -> int | None:
        """The slice that is most behind, of those that are worth a look; None when none is.

        Args:
            counts: rendered images of each slice.
            now: monotonic seconds.
        """
        for number, count in enumerate(counts):
            if self.seen.get(number, (0, 0.0))[0] != count:
                self.seen[number] = (count, now)
        late = {number: count - self.rolled.get(number, 0) for number, count in enumerate(counts)}
        ripe = [number for number, lag in late.items() if lag >= RIPE or (lag > 0 and self._quiet(number, now))]
        return max(ripe, key=late.__getitem__, default=None)

    def _quiet(self, number: int, now: float) -> bool:
        return now - self.seen[number][1] >= QUIET


class Roller:
    """Brings the tables of large jobs up to date while they run.

    Args:
        ledger: whose jobs.
        store: where records and tables are.
        pool: does the work; of one thread, so that no two write one job's tables.
        clock: monotonic seconds.
    """

    def __init__(self, ledger: Ledger, store: Store, pool: Executor, *, clock: Callable[[], float]) -> None:
        self._ledger, self._store, self._pool, self._clock = ledger, store, pool, clock
        self._jobs: dict[str, Progress] = {}
        self._busy: dict[str, Future[None]] = {}

    def consider(self, job: JobView) -> None:
        """Begin to look at a large job that runs, unless that is under way or not worth it yet."""
        job_id, known = job.entry.job_id, self._jobs.get(job.entry.job_id)
        waits = known is not None and self._clock() < known.not_before
        if job.status.images > SLICE and job.status.done >= RIPE and job_id not in self._busy and not waits:
            self._busy[job_id] = self._pool.submit(self.look, job_id, job.entry.range_size)

    def collect(self, active: Sequence[str]) -> None:
        """See what became of the looks under way; forget jobs that are not active any more."""
        for job_id in [job_id for job_id, future in self._busy.items() if future.done()]:
            error = self._busy.pop(job_id).exception()
            if error is not None:
                log.warning("The tables of %s wait: %s", job_id, error, extra={"action": "tables_waiting"})
        self._jobs = {job_id: known for job_id, known in self._jobs.items() if job_id in active}

    def look(self, job_id: str, reach: int) -> None:
        """Bring the slice of a job that is most behind up to date.

        Args:
            job_id: the job.
            reach: most images of a record.

        Raises:
            FarmError: a service cannot be reached, or an object is damaged; tried again later.
        """
        from farm.report.parts import Tables

        known = self._jobs.get(job_id)
        if known is None:
            known = self._jobs[job_id] = Progress(read_plan(self._store, job_id))
        counts = done_by_slice(self._ledger.done_bits(job_id))
        number = known.behind(counts, now=self._clock())
        if number is None:
            known.not_before = self._clock() + PAUSE
            return
        known.not_before = self._clock() + RETRY_AFTER
        names = list(names_near(self._store, job_id, number, reach=reach))
        folded, tables = fold(names), Tables(self._store, job_id, known.plan.tasks)
        for piece in slices(names, folded):
            if piece.number == number:
                tables.part(piece, folded)
        known.rolled[number], known.not_before = counts[number], 0.0
