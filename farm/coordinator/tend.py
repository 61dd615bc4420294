"""Look after one job: sweep it, write what the sweep found to the store, and send lost messages again."""

import logging
from collections import defaultdict
from collections.abc import Sequence

from farm.client.control import next_number
from farm.coordinator.controls import append_quarantine
from farm.coordinator.demand import JobView
from farm.coordinator.feed import Send
from farm.coordinator.lost import write_lost
from farm.ledger.ledger import Ledger
from farm.ledger.values import Expired
from farm.plan.ranges import WorkRange
from farm.store.store import Store

log = logging.getLogger(__name__)

#: Seconds after which a range that was sent, and whose queue is empty, had its message lost.
GRACE = 5.0


class Tender:
    """Sweeps jobs and records what it finds.

    Args:
        ledger: whose jobs.
        store: where records and control objects go.
        send: sends ranges to a queue.
        grace: seconds after which a sent range may count as lost.
    """

    def __init__(self, ledger: Ledger, store: Store, send: Send, *, grace: float = GRACE) -> None:
        self._ledger, self._store, self._send, self._grace = ledger, store, send, grace
        self._given_up: dict[str, frozenset[int]] = {}

    def tend(self, job: JobView) -> None:
        """Sweep a job once."""
        job_id = job.entry.job_id
        lengths = self._ledger.queue_lengths(sorted({group.queue for group in job.entry.groups}))
        expired, again = self._ledger.sweep(job_id, grace=self._grace, queue_lengths=lengths)
        self._record(job_id, expired)
        self._send_again(job, again)
        if job.status.failed or job_id in self._given_up:
            self._note_quarantines(job_id)

    def _record(self, job_id: str, expired: Sequence[Expired]) -> None:
        for found in expired:
            write_lost(self._store, found, self._ledger.worker_info(found.worker))
            log.warning("Lost %s with worker %s", found.range, found.worker, extra={"action": "lease_expired"})
        self._ledger.lost_written(job_id, expired)

    def _send_again(self, job: JobView, ranges: Sequence[WorkRange]) -> None:
        by_queue: dict[str, list[WorkRange]] = defaultdict(list)
        for rng in ranges:
            group = next(each for each in job.entry.groups if each.start <= rng.start < each.stop)
            by_queue[group.queue].append(rng)
        for queue, found in by_queue.items():
            log.warning("Sending %d ranges again to %s", len(found), queue, extra={"action": "ranges_sent_again"})
            self._send(queue, found)

    def _note_quarantines(self, job_id: str) -> None:
        """Append the tasks that were given up since the last look, so that a rebuild knows of them.

        They are read again under the number: what a retry with an earlier one has cleared is not given up after it.
        """
        failures = self._ledger.failures(job_id)
        if not failures.keys() <= self._noted(job_id):
            number = next_number(self._store, self._ledger, job_id)
            failures = self._ledger.failures(job_id)
            new = {position: text for position, text in failures.items() if position not in self._noted(job_id)}
            if new:
                append_quarantine(self._store, job_id, new, number=number, at=self._ledger.now())
        self._given_up[job_id] = frozenset(failures)

    def _noted(self, job_id: str) -> frozenset[int]:
        return self._given_up.get(job_id, frozenset())

    def forget(self, active: Sequence[str]) -> None:
        """Drop what is remembered of jobs that are not active any more."""
        self._given_up = {job_id: noted for job_id, noted in self._given_up.items() if job_id in active}
