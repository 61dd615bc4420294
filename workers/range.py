"""A range on its way through the worker: claim, prepare, GPU, publish."""

import logging
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from farm.errors import DamagedError, LedgerError, ModelError, StoreError
from farm.ledger.values import FailedPart, Lease, Refusal, Signal
from farm.manifest.task import RenderTask
from farm.plan.plan import Plan
from farm.plan.ranges import WorkRange
from farm.profile.seconds import Kind
from workers.attempt import Attempt, Picture
from workers.batch import Failure, failure
from workers.cache import PipelineCache
from workers.gpu import GpuRoom, place
from workers.lease import INTERVAL, Held, Keeper, StoppedError
from workers.locate import Models
from workers.origin import origin_of
from workers.pipeline import Loaded
from workers.plans import Plans
from workers.presence import Presence
from workers.publish import Publisher
from workers.render import Rendered
from workers.stopwatch import Stopwatch

log = logging.getLogger(__name__)

#: Tries to read a range's tasks while the store is away, and seconds between them.
TRIES, DELAY = 60, 1.0


class Granter(Protocol):
    """The part of the ledger that begins attempts."""

    def claim(self, rng: WorkRange, *, worker: str) -> Lease | Refusal:
        """Lease a range."""

    def give_back(self, lease: Lease, *, seconds: float = 0.0, price: float | None = None) -> None:
        """Return a range without a strike."""

    def fail(self, lease: Lease, *, failed: Sequence[FailedPart], worker: str) -> list[int]:
        """Report sub-ranges that failed."""


@dataclass
class Runner:
    """Takes ranges from claim to hand-over, one at a time, in the GPU thread.

    Args:
        worker: this worker's name.
        ledger: grants leases.
        plans: the jobs' plans.
        cache: the pipelines.
        models: where they are loaded from.
        keeper: keeps leases alive.
        presence: says what this worker has loaded.
        publisher: takes what was rendered.
        watch: told what the thread is busy with.
        gpu: renders ranges.
        sleep: waits between tries.
    """

    worker: str
    ledger: Granter
    plans: Plans
    cache: PipelineCache
    models: Models
    keeper: Keeper
    presence: Presence
    publisher: Publisher
    watch: Stopwatch
    gpu: GpuRoom
    sleep: Callable[[float], object] = time.sleep

    def run(self, rng: WorkRange) -> None:
        """Render a range, if the ledger grants it; returns when its last picture is handed over."""
        self.watch.switch(Kind.LOAD, job=rng.job_id)
        try:
            lease = self._claim(rng)
            if lease is not None:
                self._attempt(
                    self.keeper.hold(lease), self.watch.switch(Kind.LOAD, job=rng.job_id, token=str(lease.token))
                )
        finally:
            self.watch.switch(Kind.IDLE)

    def _claim(self, rng: WorkRange) -> Lease | None:
        try:
            answer = self.ledger.claim(rng, worker=self.worker)
        except LedgerError as error:
            log.warning("Cannot claim %s: %s", rng, error)  # the coordinator sends it again
            return None
        if isinstance(answer, Lease):
            log.info("Claimed %s", rng, extra={"action": "range_claimed", "token": str(answer.token)})
            return answer
        log.info("Not granted: %s is %s", rng, answer, extra={"action": "range_refused", "refusal": str(answer)})
        return None

    def _attempt(self, held: Held, started_at: float) -> None:
        """Render under a lease; whatever happens, the lease is closed."""
        try:
            found = self._read(held)
        except Exception as error:  # the worker's edge: the next range may be sound
            log.exception("Cannot read the tasks of %s", held.lease.range)
            self._refuse(held, error)
        else:
            if found is None:
                self._close(held, lambda: self.ledger.give_back(held.lease))
            else:
                self._render(Attempt(held=held, plan=found[0], tasks=found[1], started_at=started_at))

    def _render(self, attempt: Attempt) -> None:
        """Render an attempt, and hand over whatever came of it."""
        held, entered = attempt.held, False
        try:
            loaded = self._load(attempt)
            with closing(self.gpu.render(attempt, loaded)) as outcomes:
                for outcome in outcomes:
                    entered = entered or self._enter(attempt)
                    self._hand_over(attempt, loaded, outcome)
        except StoppedError as stopped:
            attempt.stopped = stopped.signal
            log.info("Stopped %s: %s", held.lease.range, stopped.signal, extra={"action": "range_stopped"})
        except ModelError as error:
            self._unfit(attempt, error)
        except Exception as error:  # the worker's edge: what is not in the store by then has failed
            log.exception("Cannot render %s", held.lease.range)
            attempt.failures.insert(0, failure(held.lease.range.start, held.lease.range.stop, error))
        finally:
            held.publishing()
            self.publisher.finish(attempt, lambda: self._released(held, entered=entered))

    def _read(self, held: Held) -> tuple[Plan, list[RenderTask]] | None:
        """The job's plan and the range's tasks; None when the store did not give them for a while.

        Raises:
            DamagedError: they are not what was written.
        """
        rng = held.lease.range
        for _ in range(TRIES):
            if not held.live or held.signal is Signal.DRAIN:
                break
            try:
                plan = self.plans.get(rng.job_id)
                tasks = plan.tasks(rng.start, rng.stop)
            except StoreError as error:
                log.warning("Cannot read the tasks of %s: %s", rng, error)
                held.waits(f"Worker {self.worker} waits to read its tasks. {error}")
                self.sleep(DELAY)
            else:
                held.goes_on()
                return plan, tasks
        return None

    def _refuse(self, held: Held, error: Exception) -> None:
        """Report a range that cannot even be read; what is damaged is so for every worker."""
        rng = held.lease.range
        why = failure(rng.start, rng.stop, error, certain=isinstance(error, DamagedError))
        part = FailedPart(rng.start, rng.stop, why.message, why.certain)
        self._close(held, lambda: self.ledger.fail(held.lease, failed=[part], worker=self.worker))

    def _close(self, held: Held, call: Callable[[], object]) -> None:
        """End an attempt that was not begun."""
        try:
            call()
        except LedgerError as error:
            log.warning("Cannot close %s: its lease runs out: %s", held.lease.range, error)
        self._released(held, entered=False)

    def _load(self, attempt: Attempt) -> Loaded:
        """The range's pipeline; the worker says which ones it holds."""
        pipeline = attempt.plan.group_of(attempt.held.lease.range.start).pipeline
        try:
            loaded = self.cache.get(pipeline, partial(self.models.at, tick=partial(_passes, attempt.held)))
        finally:
            attempt.load_s = self.watch.switch(Kind.POST, **place(attempt)) - attempt.started_at
            self.presence.loaded(self.cache.queues)
        return loaded

    def _unfit(self, attempt: Attempt, error: ModelError) -> None:
        """This worker cannot serve the range's queue: the coordinator gives it to others, or says so to the user."""
        queue = attempt.plan.group_of(attempt.held.lease.range.start).queue
        log.error("%s", error, extra={"action": "model_unfit", "queue": queue})
        self.presence.unfit(queue, str(error))

    def _enter(self, attempt: Attempt) -> bool:
        """Take a place among the ranges that wait for their upload; the wait is measured."""
        if not self.publisher.enter(wait=0.0):
            self.watch.switch(Kind.BLOCKED, **place(attempt))
            while not self.publisher.enter(wait=INTERVAL):
                attempt.held.waits()
            attempt.held.goes_on()
            self.watch.switch(Kind.POST, **place(attempt))
        return True

    def _hand_over(self, attempt: Attempt, loaded: Loaded, outcome: Rendered | Failure) -> None:
        """Give the pictures to the publisher, and note what cannot be one."""
        if isinstance(outcome, Failure):
            attempt.failures.append(outcome)
            return
        attempt.batches.append(outcome.record)
        tasks = attempt.between(outcome.record.start, outcome.record.stop)
        origin = origin_of(attempt.plan.job_id, loaded, tasks[0])
        for index, (task, fault) in enumerate(zip(tasks, outcome.faults, strict=True)):
            position = outcome.record.start + index
            if fault is None:
                self.publisher.add(attempt, Picture(position, task, outcome.pixels[index], index, origin))
            else:
                attempt.failures.append(Failure(position, position + 1, "RenderError", fault))

    def _released(self, held: Held, *, entered: bool) -> None:
        """The attempt is closed."""
        self.keeper.release(held)
        if entered:
            self.publisher.leave()
        if not self.keeper.busy:
            self.presence.idle()


def _passes(held: Held, trouble: str = "") -> None:
    """Time passes while a model is fetched.

    Raises:
        StoppedError: the job was cancelled, the lease is lost, or the worker ends: what is fetched stays on the disk.
    """
    if trouble:
        held.waits(f"A worker waits to fetch its model. {trouble}")
    else:
        held.goes_on()
    held.check()
    if held.signal is Signal.DRAIN:
        raise StoppedError(Signal.DRAIN)
