import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from farm.errors import LedgerError
from farm.ledger.values import Lease, Progress, Signal
from farm.plan.ranges import WorkRange
from farm.profile.outcome import Token
from workers.lease import INTERVAL, LOADING_PATIENCE, PATIENCE, Keeper, StoppedError

LEASE = Lease(WorkRange("job", 0, 8), Token("1x0", 1), 30.0, 100.0, 101.0)


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        """Now."""
        return self.now


class Ledger:
    """Answers renewals as it is told, and remembers what they carried."""

    def __init__(self, answer: Signal | LedgerError = Signal.CONTINUE) -> None:
        self.answer = answer
        self.heard: list[Progress] = []
        self.renewed = threading.Event()

    def renew(self, lease: Lease, *, worker: str, progress: Progress) -> Signal:
        """One renewal."""
        assert worker == "w"
        assert lease.range.job_id == "job"
        self.heard.append(progress)
        self.renewed.set()
        if isinstance(self.answer, LedgerError):
            raise self.answer
        return self.answer


def test_every_lease_is_renewed_with_its_progress() -> None:
    """Several may be live: one renders while others are published."""
    ledger, clock = Ledger(), Clock()
    keeper = Keeper(ledger, worker="w", clock=clock)
    held, other = keeper.hold(LEASE), keeper.hold(LEASE)
    held.rendering(steps=20)
    clock.now += 3
    held.stepped(5)
    other.publishing()
    keeper.renew_all()
    first, second = ledger.heard
    assert (first.doing, first.step, first.steps, first.ticks, first.busy_s) == ("rendering", 5, 20, 1, 3.0)
    assert second.doing == "publishing"
    keeper.release(held)
    keeper.renew_all()
    assert len(ledger.heard) == 3
    assert keeper.busy


@pytest.mark.parametrize("signal", [Signal.CANCEL, Signal.LOST])
def test_the_next_step_hears_of_the_end(signal: Signal) -> None:
    """The flag is read at each step: the batch ends within one."""
    keeper = Keeper(Ledger(signal), worker="w", clock=Clock())
    held = keeper.hold(LEASE)
    held.stepped(1)
    keeper.renew_all()
    with pytest.raises(StoppedError) as caught:
        held.stepped(2)
    assert caught.value.signal is signal
    assert not held.live


def test_draining_lets_the_batch_end() -> None:
    """A step goes on; whoever begins the next batch looks at the signal."""
    keeper = Keeper(Ledger(Signal.DRAIN), worker="w", clock=Clock())
    held = keeper.hold(LEASE)
    keeper.renew_all()
    held.stepped(1)
    assert held.signal is Signal.DRAIN
    assert held.live


def test_a_lease_that_cannot_be_proved_is_lost() -> None:
    """Redis is away for longer than a lease: another worker may have the range by now."""
    ledger, clock = Ledger(LedgerError("away")), Clock()
    keeper = Keeper(ledger, worker="w", clock=clock)
    held = keeper.hold(LEASE)
    clock.now += 29
    keeper.renew_all()
    held.stepped(1)
    clock.now += 2
    with pytest.raises(StoppedError) as caught:
        held.stepped(2)
    assert caught.value.signal is Signal.LOST


def test_a_renewal_proves_the_lease_from_when_it_was_asked() -> None:
    """An answer that took long is as old as its question."""
    clock = Clock()

    class Slow(Ledger):
        def renew(self, lease: Lease, *, worker: str, progress: Progress) -> Signal:
            """Ten seconds late."""
            answer = super().renew(lease, worker=worker, progress=progress)
            clock.now += 10
            return answer

    keeper = Keeper(Slow(), worker="w", clock=clock)
    held = keeper.hold(LEASE)
    keeper.renew_all()
    assert held.proved_at == 1000.0


def test_a_cancelled_job_stays_cancelled() -> None:
    """Whatever a later renewal says."""
    ledger = Ledger(Signal.CANCEL)
    keeper = Keeper(ledger, worker="w", clock=Clock())
    held = keeper.hold(LEASE)
    keeper.renew_all()
    ledger.answer = Signal.CONTINUE
    keeper.renew_all()
    assert held.signal is Signal.CANCEL


def test_patience_follows_the_work() -> None:
    """A model may be downloaded for long; a step may take twenty times the slowest so far."""
    clock = Clock()
    held = Keeper(Ledger(), worker="w", clock=clock).hold(LEASE)
    assert held.progress().patience_s == LOADING_PATIENCE
    held.rendering(steps=4)
    assert held.progress().patience_s == PATIENCE
    clock.now += 60
    held.proved_at = clock.now
    held.stepped(1)
    assert held.progress().patience_s == 1200.0


def test_a_thread_that_does_not_come_back_ends_the_process() -> None:
    """Its lease is lost over it, and the parent starts another; a publish that waits is no such thing."""
    clock, ended = Clock(), list[bool]()
    ledger = Ledger()
    keeper = Keeper(ledger, worker="w", clock=clock, give_up=lambda: ended.append(True))
    held, published = keeper.hold(LEASE), keeper.hold(LEASE)
    held.rendering(steps=4)
    published.publishing()
    for _ in range(20):
        clock.now += 20
        keeper.renew_all()
    assert ended == []
    ledger.answer = Signal.LOST
    keeper.renew_all()
    keeper.renew_all()
    assert ended == [True]
    keeper.release(held)
    keeper.renew_all()
    assert ended == [True]


def test_busy_seconds_end_with_the_gpus_work() -> None:
    """Publishing overlaps the next range and is not charged."""
    clock = Clock()
    held = Keeper(Ledger(), worker="w", clock=clock).hold(LEASE)
    clock.now += 5
    held.publishing()
    clock.now += 5
    assert held.progress().busy_s == 5.0


def test_steps_are_not_shown_beyond_what_was_asked() -> None:
    """PNDM calls once more than it has steps."""
    held = Keeper(Ledger(), worker="w", clock=Clock()).hold(LEASE)
    held.rendering(steps=4)
    held.stepped(5)
    assert held.progress().step == 4


def test_the_keeper_renews_by_itself() -> None:
    """A thread of its own, which also announces the worker now and then."""
    ledger = Ledger()
    announced = threading.Event()
    keeper = Keeper(ledger, worker="w", announce=announced.set, interval=0.01)
    keeper.hold(LEASE)
    keeper.start()
    assert ledger.renewed.wait(5)
    assert announced.is_set()
    keeper.stop()
    assert INTERVAL == 2.0


_EVENTS = st.lists(st.tuples(st.sampled_from([*Signal, "away"]), st.floats(0, 40)), max_size=20)


@given(_EVENTS)
def test_no_step_is_run_on_a_lease_that_may_be_anothers(events: list[tuple[Signal | str, float]]) -> None:
    """Whatever the ledger answers and however long it is silent: a step passes only within a lease's length of proof.

    Once cancelled or lost, a lease never counts again as one that may be worked on.
    """
    ledger, clock = Ledger(), Clock()
    keeper = Keeper(ledger, worker="w", clock=clock)
    held = keeper.hold(LEASE)
    proved_at, lost, cancelled = clock.now, False, False
    for event, passed in events:
        clock.now += passed
        ledger.answer = event if isinstance(event, Signal) else LedgerError("away")
        before = len(ledger.heard)
        keeper.renew_all()
        if len(ledger.heard) > before and isinstance(event, Signal):
            lost, cancelled = lost or event is Signal.LOST, cancelled or event is Signal.CANCEL
            proved_at = clock.now if event is not Signal.LOST else proved_at
        allowed = not lost and not cancelled and clock.now - proved_at < LEASE.seconds
        assert held.live == allowed
        try:
            held.check()
        except StoppedError:
            assert not allowed
        else:
            assert allowed
