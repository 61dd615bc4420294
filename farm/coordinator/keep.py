"""Jobs that are to be kept for some days only: removed when these are over, by the leader, beside its loop."""

import logging
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

from farm.client.erase import erase
from farm.client.submit import read_finished, read_plan
from farm.coordinator.controls import replay
from farm.errors import DamagedError, NotInStoreError, ServiceError
from farm.ledger.ledger import Ledger
from farm.ledger.values import JobStatus, kept_until
from farm.store import keys
from farm.store.store import Store

log = logging.getLogger(__name__)

#: Seconds between two looks for jobs to remove, and before the first: a coordinator that begins has better to do.
EVERY = 600.0


class _ClosingError(Exception):
    """The coordinator ends: a removal of millions of objects does not keep it."""


class Keeper:
    """Removes jobs whose days are over, one at a time, and completes removals that broke off.

    Args:
        ledger: whose jobs.
        store: where they are.
        clock: monotonic seconds.
    """

    def __init__(self, ledger: Ledger, store: Store, *, clock: Callable[[], float]) -> None:
        self._ledger, self._store, self._clock = ledger, store, clock
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="keep")
        self._busy: Future[None] | None = None
        self._next = clock() + EVERY
        self._closing = False

    def consider(self) -> None:
        """Begin to look for jobs to remove, when that is due and not under way."""
        if self._clock() < self._next or (self._busy and not self._busy.done()):
            return
        self._next = self._clock() + EVERY
        self._busy = self._pool.submit(self._look)

    def close(self) -> None:
        """Break the removal under way off; what it leaves over, the next leader completes."""
        self._closing = True
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _look(self) -> None:
        try:
            for job_id in (*self._due(), *self._begun()):
                found = erase(self._store, self._ledger, job_id, on_objects=self._go_on)
                log.info("Removed job %s: %d objects", job_id, found.objects, extra={"action": "job_removed"})
        except _ClosingError:
            log.info("A removal is left to the next leader", extra={"action": "remove_left"})
        except ServiceError as error:  # whatever is left is found again at the next look
            log.error("Jobs that are to be removed are still there: %s", error, extra={"action": "remove_failed"})  # noqa: TRY400 a sentence

    def _go_on(self, _: int) -> None:
        if self._closing:
            raise _ClosingError

    def _due(self) -> list[str]:
        """Jobs whose days are over."""
        active, now = set(self._ledger.active()), self._ledger.now()
        ended = [job for job in self._ledger.jobs() if job.job_id not in active and _over(job, now)]
        return [job.job_id for job in ended if confirmed(self._store, job.job_id, now=now)]

    def _begun(self) -> list[str]:
        """Jobs whose removal broke off: they ended, and have no plan any more."""
        known = set(self._ledger.job_ids())
        found = (name for name in self._store.folders(keys.JOBS) if name not in known)
        return [name for name in found if not self._planned(name) and self._store.exists(keys.finished(name))]

    def _planned(self, job_id: str) -> bool:
        return self._store.exists(keys.plan(job_id))


def _over(job: JobStatus, now: float) -> bool:
    until = kept_until(job.finished_at, job.keep_days)
    return job.state.over and until is not None and now >= until


def confirmed(store: Store, job_id: str, *, now: float) -> bool:
    """Whether the store says too that a job's days are over: Redis may have forgotten what its user said last."""
    try:
        days = read_plan(store, job_id).run.keep_days
        told = replay(store, job_id).settings.get("keep_days", days)
    except (NotInStoreError, DamagedError):
        return False
    until = kept_until((read_finished(store, job_id) or {}).get("finished_at"), told)
    return until is not None and now >= until
