"""Carry out what assignment and policy decide: tell workers their queue, take ranges and send them."""

import logging
from collections import Counter
from collections.abc import Callable, Mapping, Sequence

from farm.coordinator.assign import Seat, assign
from farm.coordinator.demand import JobView, demands, hindrance, hopeless, ready, sent_by_queue
from farm.coordinator.policy import choose, room
from farm.ledger.ledger import Ledger
from farm.ledger.roster import ALIVE
from farm.plan.ranges import WorkRange
from farm.queue import NO_QUEUE

log = logging.getLogger(__name__)

#: Seconds. Who was heard of so lately has a say in whether a model can be loaded at all: after a restart of Redis some
#: workers are heard of later than others.
HEARD = 60.0

#: Send ranges to a queue: `farm.queue.send` with its app.
Send = Callable[[str, Sequence[WorkRange]], object]


class Feeder:
    """Keeps every worker on the right queue, and every queue a few ranges long.

    Args:
        ledger: whose jobs and workers.
        send: sends ranges to a queue.
    """

    def __init__(self, ledger: Ledger, send: Send) -> None:
        self._ledger, self._send = ledger, send
        self._waiting: dict[str, str | None] = {}

    def feed(self, jobs: Sequence[JobView]) -> int:
        """Assign, take back, dispatch and send; how many ranges were sent."""
        told = self._ledger.assignments()
        seats = self._seats(told, ALIVE)
        self._explain(jobs, seats, told)
        serving = Counter(self._assign(jobs, seats, told).values())
        self._close(jobs)
        sent = sent_by_queue(jobs)
        for queue in sent:
            if not serving[queue]:
                self._take_back(jobs, queue)
        space = room(serving, sent)
        chosen = choose(ready(jobs, seats), space=space, out={job.entry.job_id: job.out for job in jobs})
        count = 0
        for choice in chosen:
            rng = self._ledger.dispatch(choice.job_id, choice.group, choice.size)
            if rng is not None:
                self._send(choice.queue, [rng])
                log.debug("Sent %s to %s", rng, choice.queue, extra={"action": "range_sent"})
                count += 1
        return count

    def _seats(self, told: Mapping[str, str], within: float) -> list[Seat]:
        """Workers that were seen within so many seconds and take work, each on the queue it was told to serve."""
        workers = self._ledger.workers(within=within)
        return [Seat.of(worker, told.get(worker.id)) for worker in workers if worker.doing != "draining"]

    def _assign(self, jobs: Sequence[JobView], seats: Sequence[Seat], told: Mapping[str, str]) -> Mapping[str, str]:
        """Tell every worker its queue, where that is new; who serves what from now on."""
        decided = assign(seats, demands(jobs, seats))
        for seat in seats:
            queue = decided.get(seat.worker, NO_QUEUE)
            if told.get(seat.worker) != queue:
                self._ledger.assign(seat.worker, queue)
                log.info("Worker %s serves %s", seat.worker, queue, extra={"action": "worker_assigned"})
        return decided

    def _close(self, jobs: Sequence[JobView]) -> None:
        """What was sent of a job whose hours are over and nobody has claimed waits in the ledger for the next ones."""
        for job in jobs:
            for queue in {load.group.queue for load in job.loads if load.sent} if job.closed else ():
                count = self._ledger.take_back(job.entry.job_id, queue)
                log.info("Took %d ranges of %s back", count, job.entry.job_id, extra={"action": "window_closed"})

    def _take_back(self, jobs: Sequence[JobView], queue: str) -> None:
        """Nobody serves a queue any more: its unclaimed ranges wait in the ledger, not in the broker."""
        for job in jobs:
            if any(load.sent and load.group.queue == queue for load in job.loads):
                count = self._ledger.take_back(job.entry.job_id, queue)
                log.info("Took %d ranges back from %s", count, queue, extra={"action": "ranges_taken_back"})
        self._ledger.drop_messages(queue)

    def _explain(self, jobs: Sequence[JobView], seats: Sequence[Seat], told: Mapping[str, str]) -> None:
        """Block groups that no worker can load, and say why a job waits."""
        heard, now = (self._seats(told, HEARD), self._ledger.now()) if any(seat.unfit for seat in seats) else ([], 0.0)
        for job in jobs:
            job_id = job.entry.job_id
            for number, sentence in hopeless(job, heard, now=now).items():
                count = self._ledger.block_group(job_id, number, sentence)
                log.warning("Job %s: %d images failed: %s", job_id, count, sentence, extra={"action": "group_blocked"})
            why = hindrance(job, seats)
            if self._waiting.get(job_id, "") != why:
                self._ledger.set_waiting(job_id, why)
                self._waiting[job_id] = why
