"""The GPU room: a range's batches one after another, and where the thread's time went."""

from collections.abc import Generator
from dataclasses import dataclass
from typing import TypedDict

from farm.ledger.values import Signal
from farm.plan.ranges import batches
from farm.profile.seconds import Kind
from workers.attempt import Attempt, Busy
from workers.batch import Batcher, Failure
from workers.lease import StoppedError
from workers.pipeline import Loaded
from workers.render import Rendered
from workers.stopwatch import Stopwatch


class Place(TypedDict):
    """What a span of work says of itself."""

    job: str
    first: int | None
    last: int | None
    token: str


def place(attempt: Attempt, first: int | None = None, last: int | None = None) -> Place:
    """A span of this attempt, for positions where a batch is at hand."""
    lease = attempt.held.lease
    return Place(job=lease.range.job_id, first=first, last=last, token=str(lease.token))


@dataclass
class GpuRoom:
    """Renders ranges batch by batch.

    Args:
        watch: told what the thread is busy with.
        batcher: renders runs of one batch key.
    """

    watch: Stopwatch
    batcher: Batcher

    def render(self, attempt: Attempt, loaded: Loaded) -> Generator[Rendered | Failure, None, None]:
        """Every batch of the attempt's range.

        Raises:
            StoppedError: the job was cancelled, the lease lost, or the worker is drained (after a whole batch).
        """
        rng, held = attempt.held.lease.range, attempt.held
        for start, stop in batches(attempt.plan, rng.start, rng.stop, attempt.plan.run.batch):
            held.check()
            if held.signal is Signal.DRAIN:
                raise StoppedError(Signal.DRAIN)
            yield from self._batch(attempt, loaded, start, stop)

    def _batch(
        self, attempt: Attempt, loaded: Loaded, start: int, stop: int
    ) -> Generator[Rendered | Failure, None, None]:
        tasks, held = attempt.between(start, stop), attempt.held
        held.rendering(steps=tasks[0].steps)
        left = start
        begin = self.watch.switch(Kind.DENOISE, **place(attempt, start, stop))
        try:
            for outcome in self.batcher.run(loaded, tasks, start=start, on_step=held.stepped):
                if isinstance(outcome, Rendered):
                    self.watch.spread(outcome.phases, started_at=outcome.record.started_at)
                    held.images += len(outcome.faults)
                first, left = left, outcome.stop
                end = self.watch.switch(Kind.POST, **place(attempt, start, stop))
                attempt.busy.append(Busy(first, left, end - begin))
                begin = end
                yield outcome
                begin = self.watch.switch(Kind.DENOISE, **place(attempt, start, stop))
        finally:
            end = self.watch.switch(Kind.POST, **place(attempt))
            if left < stop:
                attempt.busy.append(Busy(left, stop, end - begin))
