"""A job that is over: its results, tables and ``finished.json``, and only then its last word in the ledger."""

import json
import logging
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from farm.client.submit import read_plan
from farm.coordinator.demand import JobView
from farm.errors import DamagedError
from farm.ledger.ledger import Ledger
from farm.ledger.values import JobState, JobStatus
from farm.store import keys
from farm.store.store import Store

log = logging.getLogger(__name__)

#: Seconds before results that could not be written are tried again.
RETRY_AFTER = 10.0


@dataclass(frozen=True, slots=True)
class Ending:
    """How a job ends."""

    state: JobState
    reason: str | None


def is_over(job: JobView) -> bool:
    """Whether nothing of a job is left to do: every image accounted for, or cancelled, and nobody at work on it."""
    status = job.status
    return (status.state.over or status.done + status.failed >= status.images) and not job.leased


def ending(status: JobStatus, failures: dict[int, str]) -> Ending:
    """How a job that is over ends."""
    if status.state is JobState.CANCELLED:
        return Ending(JobState.CANCELLED, status.reason)
    if not status.failed:
        return Ending(JobState.DONE, None)
    why = next(iter(failures.values()), None) or status.reason or "see errors.jsonl."
    return Ending(JobState.FAILED, f"{status.failed} of {status.images} images failed: {why}")


def write_results(ledger: Ledger, store: Store, status: JobStatus) -> bool:
    """Write what a job leaves behind, then tell the ledger; False when it was retried meanwhile. Safe to do again.

    Raises:
        DamagedError: its plan is no plan any more.
        StoreError: the store cannot be reached.
    """
    from farm.report.rollup import finish

    job_id = status.job_id
    failures, blocked = ledger.failures(job_id), ledger.blocked(job_id)
    end = ending(status, failures or blocked)
    totals = finish(store=store, plan=read_plan(store, job_id), failures=failures, blocked=blocked)
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
    """Writes the results of jobs that are over, one job at a time, beside the loop.

    Args:
        ledger: whose jobs.
        store: where results go.
        clock: monotonic seconds.
    """

    def __init__(self, ledger: Ledger, store: Store, *, clock: Callable[[], float]) -> None:
        self._ledger, self._store, self._clock = ledger, store, clock
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="finish")
        self._busy: dict[str, Future[bool]] = {}
        self._not_before: dict[str, float] = {}

    def consider(self, job: JobView) -> None:
        """Begin to write the results of a job that is over, unless that is under way."""
        job_id = job.status.job_id
        if job_id not in self._busy and is_over(job) and self._clock() >= self._not_before.get(job_id, 0.0):
            self._busy[job_id] = self._pool.submit(write_results, self._ledger, self._store, job.status)

    def collect(self) -> None:
        """See what became of the results under way; what failed is told the user and tried again later."""
        for job_id in [job_id for job_id, future in self._busy.items() if future.done()]:
            error = self._busy.pop(job_id).exception()
            if error is None:
                self._not_before.pop(job_id, None)
                log.info("Job %s is over", job_id, extra={"action": "job_finished"})
                continue
            if isinstance(error, DamagedError):
                fail_damaged(self._ledger, job_id, error)
                continue
            self._not_before[job_id] = self._clock() + RETRY_AFTER
            log.error("The results of %s are not written yet: %s", job_id, error, extra={"action": "finish_failed"})
            self._ledger.set_waiting(job_id, f"Its results cannot be written yet: {error}")

    def close(self) -> None:
        """Wait for what is under way."""
        self._pool.shutdown(wait=True)
