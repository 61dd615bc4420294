"""A job that is over: its results, tables and ``finished.json``, and only then its last word in the ledger."""

import json
import logging
import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from typing import Any

from farm.client.submit import read_plan
from farm.coordinator.demand import JobView
from farm.errors import DamagedError
from farm.ledger.ledger import Ledger
from farm.ledger.values import JobState, JobStatus
from farm.report.rollup import StoppedError, finish
from farm.report.slices import SLICE
from farm.store import keys
from farm.store.store import Store

log = logging.getLogger(__name__)

#: Seconds before results that could not be written are tried again.
RETRY_AFTER = 10.0
#: Failures of which the first gives a job its reason.
_LOOKED_AT = 1000


@dataclass(frozen=True, slots=True)
class Ending:
    """How a job ends."""

    state: JobState
    reason: str | None


def is_over(job: JobView) -> bool:
    """Whether nothing of a job is left to do: every image accounted for, or cancelled, and nobody at work on it."""
    status = job.status
    return (status.state.over or status.done + status.failed >= status.images) and not job.leased


def ending(status: JobStatus, sentence: str | None) -> Ending:
    """How a job that is over ends.

    Args:
        status: the job.
        sentence: why one of its images failed.
    """
    if status.state is JobState.CANCELLED:
        return Ending(JobState.CANCELLED, status.reason)
    if not status.failed:
        return Ending(JobState.DONE, None)
    why = sentence or status.reason or "see errors.jsonl."
    return Ending(JobState.FAILED, f"{status.failed} of {status.images} images failed: {why}")


def write_results(
    ledger: Ledger, store: Store, status: JobStatus, *, stopped: Callable[[], bool] = lambda: False
) -> bool:
    """Write what a job leaves behind, then tell the ledger; False when it was retried meanwhile. Safe to do again.

    Args:
        ledger: whose job.
        store: where its results go.
        status: the job as it was seen to be over.
        stopped: asked now and then whether to leave the rest to another coordinator.

    Raises:
        DamagedError: its plan is no plan any more.
        StoppedError: it was stopped.
        StoreError: the store cannot be reached.
    """
    job_id = status.job_id
    blocked = ledger.blocked(job_id)
    first = min(islice(ledger.each_failure(job_id), _LOOKED_AT), default=next(iter(blocked.items()), None))
    end = ending(status, first[1] if first else None)
    failures, plan = ledger.each_failure(job_id), read_plan(store, job_id)
    totals = finish(store=store, plan=plan, failures=failures, blocked=blocked, stopped=stopped)
    document = _document(status, end, totals, finished_at=status.finished_at or ledger.now())
    store.put(keys.finished(job_id), json.dumps(document).encode(), content_type="application/json")
    ended = ledger.finish(
        job_id,
        end.state,
        end.reason,
        finished_at=document["finished_at"],
        if_over=True,
        done=totals["done"],
        failed=totals["failed"],
        gpu_s=document["gpu_s"],
        cost=document["cost_usd"],
    )
    if not ended:
        store.delete([keys.finished(job_id)])
    return ended


def _document(status: JobStatus, end: Ending, totals: dict[str, Any], *, finished_at: float) -> dict[str, Any]:
    """``finished.json``: state and counts as `status --json` has them, and the totals of the records."""
    return {
        "job": status.job_id,
        "name": status.name,
        "state": end.state.value,
        "reason": end.reason,
        "images": {"total": status.images, "done": totals["done"], "failed": totals["failed"]},
        "submitted_at": status.submitted_at,
        "started_at": status.started_at,
        "finished_at": finished_at,
        "gpu_s": totals.get("gpu_s", status.gpu_s),
        "cost_usd": totals.get("cost_usd", status.cost_usd),
        "totals": totals,
    }


def fail_damaged(ledger: Ledger, job_id: str, error: DamagedError) -> None:
    """End a job whose plan cannot be read; submitted again it goes on."""
    log.error("Job %s: %s", job_id, error, extra={"action": "job_damaged"})
    ledger.finish(job_id, JobState.FAILED, str(error))


class Finisher:
    """Writes the results of jobs that are over, beside the loop: those of large jobs apart, so that no other job waits.

    Args:
        ledger: whose jobs.
        store: where results go.
        pool: takes large jobs; of one thread, which writes the tables of jobs that run, too.
        clock: monotonic seconds.
    """

    def __init__(self, ledger: Ledger, store: Store, pool: Executor, *, clock: Callable[[], float]) -> None:
        self._ledger, self._store, self._clock, self._large = ledger, store, clock, pool
        self._small = ThreadPoolExecutor(max_workers=1, thread_name_prefix="finish")
        self._stopping = threading.Event()
        self._busy: dict[str, Future[bool]] = {}
        self._not_before: dict[str, float] = {}

    def consider(self, job: JobView) -> None:
        """Begin to write the results of a job that is over, unless that is under way."""
        job_id = job.status.job_id
        if job_id not in self._busy and is_over(job) and self._clock() >= self._not_before.get(job_id, 0.0):
            self._busy[job_id] = self._begin(job.status)

    def _begin(self, status: JobStatus) -> Future[bool]:
        if status.images <= SLICE:
            return self._small.submit(write_results, self._ledger, self._store, status)
        stopped = self._stopping.is_set
        return self._large.submit(write_results, self._ledger, self._store, status, stopped=stopped)

    def collect(self) -> None:
        """See what became of the results under way; what failed is told the user and tried again later."""
        for job_id in [job_id for job_id, future in self._busy.items() if future.done()]:
            error = self._busy.pop(job_id).exception()
            if error is None:
                self._not_before.pop(job_id, None)
                log.info("Job %s is over", job_id, extra={"action": "job_finished"})
                continue
            if isinstance(error, StoppedError):
                continue
            if isinstance(error, DamagedError):
                fail_damaged(self._ledger, job_id, error)
                continue
            self._not_before[job_id] = self._clock() + RETRY_AFTER
            log.error("The results of %s are not written yet: %s", job_id, error, extra={"action": "finish_failed"})
            self._ledger.set_waiting(job_id, f"Its results cannot be written yet: {error}")

    def close(self) -> None:
        """Wait for small jobs; large ones are left to the next coordinator after the slice at hand."""
        self._stopping.set()
        self._small.shutdown(wait=True)
        self._large.shutdown(wait=True, cancel_futures=True)
