from collections.abc import Iterator
from typing import Any

import pytest

from farm.ledger.values import Lease, Signal
from farm.plan.ranges import WorkRange
from farm.profile.outcome import Token
from farm.profile.seconds import Kind
from workers.attempt import Attempt
from workers.batch import Failure
from workers.gpu import GpuRoom, place
from workers.lease import Held, StoppedError
from workers.stopwatch import Stopwatch


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = 10.0

    def __call__(self) -> float:
        """Now."""
        return self.now


class Batcher:
    """Takes a second per image and fails every one; runs what it is told after each."""

    def __init__(self, clock: Clock, hook: Any = lambda: None) -> None:
        self.clock, self.hook = clock, hook
        self.runs: list[tuple[int, int]] = []

    def run(self, _loaded: Any, tasks: list[Any], *, start: int, on_step: Any) -> Iterator[Failure]:
        """One outcome per image."""
        self.runs.append((start, start + len(tasks)))
        for position in range(start, start + len(tasks)):
            self.clock.now += 1.0
            self.hook()
            on_step(1)
            yield Failure(position, position + 1, "E", "m")


@pytest.fixture
def clock() -> Clock:
    """The room's clock."""
    return Clock()


@pytest.fixture
def attempt(make_plan: Any, clock: Clock) -> Attempt:
    """An attempt at five images of two step counts, in batches of two."""
    plan = make_plan(seed="1-3", steps=[2, 3])
    lease = Lease(WorkRange(plan.job_id, 0, 5), Token("1x0", 1), 30.0, 0.0, 0.0)
    held = Held(lease, clock.now, lambda: 10.0)
    return Attempt(held=held, plan=plan, tasks=plan.tasks(0, 5), started_at=clock.now)


def test_batches_lie_within_a_batch_key(attempt: Attempt, clock: Clock) -> None:
    """Three images of two steps, then two of three; never both in one call."""
    batcher = Batcher(clock)
    room = GpuRoom(Stopwatch(started_at=10.0, now=clock), batcher)  # type: ignore[arg-type]  # a batcher of ours
    found = list(room.render(attempt, None))  # type: ignore[arg-type]  # nothing is loaded
    assert batcher.runs == [(0, 2), (2, 3), (3, 5)]
    assert [one.stop for one in found] == [1, 2, 3, 4, 5]


def test_every_outcome_is_charged_its_seconds(attempt: Attempt, clock: Clock) -> None:
    """And what the caller does meanwhile is not the batch's."""
    watch = Stopwatch(started_at=10.0, now=clock)
    for _ in GpuRoom(watch, Batcher(clock)).render(attempt, None):  # type: ignore[arg-type]  # a batcher of ours
        clock.now += 0.5
    assert [(busy.start, busy.stop, busy.seconds) for busy in attempt.busy] == [
        (position, position + 1, 1.0) for position in range(5)
    ]
    spans = watch.read()[0]
    assert sum(span.seconds for span in spans if span.kind is Kind.DENOISE) == 5.0
    assert sum(span.seconds for span in spans if span.kind is Kind.POST) == 2.5


def test_a_stop_charges_the_batch_that_was_begun(attempt: Attempt, clock: Clock) -> None:
    """The seconds of its unfinished images are theirs."""

    def cancel() -> None:
        if clock.now > 11:
            attempt.held.signal = Signal.CANCEL

    room = GpuRoom(Stopwatch(started_at=10.0, now=clock), Batcher(clock, cancel))  # type: ignore[arg-type]
    with pytest.raises(StoppedError):
        list(room.render(attempt, None))  # type: ignore[arg-type]  # nothing is loaded
    assert [(busy.start, busy.stop, busy.seconds) for busy in attempt.busy] == [(0, 1, 1.0), (1, 2, 1.0)]


def test_draining_ends_after_a_batch(attempt: Attempt, clock: Clock) -> None:
    """The batch in hand is finished, the next not begun."""

    def drain() -> None:
        attempt.held.signal = Signal.DRAIN

    batcher = Batcher(clock, drain)
    room = GpuRoom(Stopwatch(started_at=10.0, now=clock), batcher)  # type: ignore[arg-type]  # a batcher of ours
    with pytest.raises(StoppedError) as caught:
        list(room.render(attempt, None))  # type: ignore[arg-type]  # nothing is loaded
    assert caught.value.signal is Signal.DRAIN
    assert batcher.runs == [(0, 2)]


def test_a_span_says_whose_it_is(attempt: Attempt) -> None:
    """Job, positions and attempt."""
    assert place(attempt, 0, 2) == {"job": attempt.plan.job_id, "first": 0, "last": 2, "token": "1x0.1"}
