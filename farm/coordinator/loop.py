"""The coordinator: one leader looks after every job, and keeps nothing in memory that it could not do without."""

import logging
import os
import signal
import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING

from farm.client.submit import read_plan
from farm.coordinator.demand import JobView
from farm.coordinator.feed import Feeder, Send
from farm.coordinator.finish import Finisher, fail_damaged
from farm.coordinator.hours import why_closed
from farm.coordinator.keep import Keeper
from farm.coordinator.rebuild import discover, restore
from farm.coordinator.roll import Roller, be_frugal
from farm.coordinator.tend import Tender
from farm.errors import DamagedError, LedgerError, NotInStoreError, ServiceError
from farm.ledger.ledger import Ledger
from farm.store.store import Store

if TYPE_CHECKING:
    from farm.settings import Settings

log = logging.getLogger(__name__)

#: Seconds between ticks: after one that sent ranges, and after one that had none to send. A queue that is full lasts
#: for two ranges, and a tick costs a processor some milliseconds that renderers on the same machine would use.
BUSY, IDLE = 0.1, 0.25
#: Seconds between sweeps.
SWEEP_EVERY = 0.5
#: Seconds the leader's lock holds: a standby takes over after this.
LEADER = 5.0
#: Seconds after a rebuild in which nothing is sent, so that workers that hold ranges can say so first.
SETTLE = 5.0
#: Seconds between two looks for jobs that the ledger never heard of, and for plans that were damaged.
LOOK_EVERY = 60.0
#: Seconds. Waits after errors of Redis or S3 double up to this: less than the lock holds, so that the leader leads.
MOST_BACKOFF = 4.0


class Coordinator:
    """One coordinator; of several, one leads.

    Args:
        ledger: the farm's ledger.
        store: the farm's store.
        send: sends ranges to a queue.
        name: tells coordinators apart.
        clock: monotonic seconds.
    """

    def __init__(
        self, ledger: Ledger, store: Store, send: Send, *, name: str, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._ledger, self._store, self._name, self._clock = ledger, store, name, clock
        self._feeder = Feeder(ledger, send)
        self._tender = Tender(ledger, store, send)
        large = ThreadPoolExecutor(max_workers=1, thread_name_prefix="tables")
        self._roller = Roller(ledger, store, large, clock=clock)
        self._finisher = Finisher(ledger, store, large, clock=clock)
        self._keeper = Keeper(ledger, store, clock=clock)
        self._leads = False
        self._next_sweep = self._next_look = self._send_from = 0.0
        self._rebuilt = False
        #: The epoch in which the jobs of the store are known to be open.
        self._discovered = ""
        self._said: dict[str, str] = {}
        #: Jobs whose plan was read lately.
        self._planned: set[str] = set()

    def tick(self) -> bool:
        """Do once everything there is to do; whether ranges were sent.

        Raises:
            ServiceError: Redis or the store cannot be reached.
        """
        if not self._lead():
            return False
        epoch = self._epoch()
        jobs = [view for job_id in self._ledger.active() if (view := self._ready(job_id, epoch))]
        if self._rebuilt:
            self._rebuilt, self._send_from = False, self._clock() + SETTLE
        if self._clock() >= self._next_sweep:
            self._next_sweep = self._clock() + SWEEP_EVERY
            self._sweep(jobs)
        return self._clock() >= self._send_from and self._feeder.feed(jobs) > 0

    def _lead(self) -> bool:
        leads = self._ledger.lead(self._name, LEADER)
        if leads != self._leads:
            log.info("Coordinator %s %s", self._name, "leads" if leads else "stands by", extra={"action": "leader"})
        self._leads = leads
        return leads

    def _epoch(self) -> str:
        """The epoch; in a new one, and now and then, the jobs of the store are opened first."""
        epoch, new = self._ledger.ensure_epoch()
        if new:
            log.warning("Redis began anew: epoch %s", epoch, extra={"action": "epoch_began"})
        anew = epoch != self._discovered and not self._ledger.discovered()
        if anew or self._clock() >= self._next_look:
            self._next_look = self._clock() + LOOK_EVERY
            count = discover(self._ledger, self._store, anew=anew, beat=self._lead)
            self._planned.clear()
            if anew:
                self._ledger.set_discovered(epoch)
                log.info("Read %d jobs from the store", count, extra={"action": "jobs_discovered"})
                self._rebuilt = bool(count and self._ledger.active())
        self._discovered = epoch
        return epoch

    def _ready(self, job_id: str, epoch: str) -> JobView | None:
        """A job that was compared with the store in this epoch; one that cannot be is left alone, and says why."""
        try:
            if not self._has_plan(job_id):
                return None
            look = self._ledger.look(job_id)
            if look is None or look.restored != epoch:
                self._rebuilt |= restore(self._ledger, self._store, job_id, epoch)
                self._lead()
                look = self._ledger.look(job_id)
        except (DamagedError, NotInStoreError) as error:
            self._say(job_id, f"It cannot be read from the store: {error}")
            return None
        if self._said.pop(job_id, None):
            self._ledger.set_waiting(job_id, None)
        return None if look is None else JobView(look.entry, look.status, look.loads, self._closed(look.entry.window))

    def _closed(self, window: str | None) -> str | None:
        return None if window is None else why_closed(window, self._ledger.now())

    def _has_plan(self, job_id: str) -> bool:
        """Whether workers can read a job's plan; a job whose plan is damaged fails."""
        if job_id not in self._planned:
            try:
                read_plan(self._store, job_id)
            except DamagedError as error:
                fail_damaged(self._ledger, job_id, error)
                return False
            self._planned.add(job_id)
        return True

    def _say(self, job_id: str, sentence: str) -> None:
        if self._said.get(job_id) != sentence:
            log.error("Job %s: %s", job_id, sentence, extra={"action": "job_unreadable"})
            self._ledger.set_waiting(job_id, sentence)
            self._said[job_id] = sentence

    def _sweep(self, jobs: list[JobView]) -> None:
        """Sweep every job, roll up large ones, end those that are over, and forget workers nobody has seen for long."""
        for job in jobs:
            self._tender.tend(job)
            self._roller.consider(job)
            self._finisher.consider(job)
        self._finisher.collect()
        self._keeper.consider()
        self._roller.collect([job.entry.job_id for job in jobs])
        self._tender.forget([job.entry.job_id for job in jobs])
        self._ledger.forget_workers()

    def run(self, stop: threading.Event) -> None:
        """Tick until told to stop; what Redis or the store refuse is said once and tried again."""
        wait = 0.0
        while not stop.wait(wait):
            wait = self.step(wait)
        self.close()

    def close(self) -> None:
        """Finish what is being written and let a standby lead."""
        self._keeper.close()
        self._finisher.close()
        try:
            self._ledger.resign(self._name)
        except ServiceError as error:
            log.warning("%s", error, extra={"action": "resign_failed"})

    def step(self, waited: float) -> float:
        """One tick, its errors said; seconds until the next."""
        try:
            return BUSY if self.tick() else IDLE
        except ServiceError as error:
            log.error("%s", error, extra={"action": "tick_failed"})  # noqa: TRY400 a sentence, not a traceback
            self._hold(error)
            return min(MOST_BACKOFF, max(1.0, waited * 2))

    def _hold(self, error: ServiceError) -> None:
        """Blame no worker for a silence of Redis that it shared; tell the users what keeps the store from us."""
        if isinstance(error, LedgerError):
            self._next_sweep = self._clock() + self._ledger.lease
            return
        with suppress(ServiceError):
            for job_id in self._ledger.active():
                self._said[job_id] = f"The coordinator waits. {error}"
                self._ledger.set_waiting(job_id, self._said[job_id])


def main(settings: "Settings") -> int:
    """Run a coordinator until SIGTERM or SIGINT; the exit code."""
    from farm.queue import make_app, send
    from farm.store.s3 import S3Store

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    be_frugal()
    app = make_app(settings)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    coordinator = Coordinator(
        Ledger.connect(settings, name="coordinator"),
        S3Store.from_settings(settings),
        lambda queue, ranges: send(app, queue, ranges),
        name=f"{socket.gethostname()}-{os.getpid()}",
    )
    coordinator.run(stop)
    return 0
