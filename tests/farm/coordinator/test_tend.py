from typing import Any

import pytest

from farm.client.control import Verb
from farm.coordinator.controls import replay
from farm.ledger.values import Signal
from farm.profile.outcome import Outcome
from farm.store import keys

Ticking = Any


def records(ticking: Ticking, job: str) -> list[tuple[int, int, Outcome]]:
    """Start, stop and outcome of every record of a job."""
    names = [keys.parse_record(job, key) for key in ticking.stage.store.list(keys.records(job))]
    return [(name.range.start, name.range.stop, name.outcome) for name in names if name]


def test_a_killed_worker_s_range_is_sent_again_within_the_lease_and_ten_seconds(ticking: Ticking) -> None:
    """Its attempt has a LOST record, and the other worker gets the halves."""
    job = ticking.stage.submit(seed="1-8").job
    ticking.tick()
    (lease,) = ticking.claim("w1")
    ticking.stage.ledger.renew(lease, worker="w1", progress=_progress())
    ticking.tick(3)
    ticking.stage.ledger.leave("w1")
    ticking.stage.ledger.register("w2", {})
    ticking.tick(37)
    assert records(ticking, job) == [(0, 16, Outcome.LOST)]
    ranges = ticking.outbox.take()
    assert {(rng.start, rng.stop) for rng in ranges} == {(0, 8), (8, 16)}
    assert ticking.stage.ledger.renew(lease, worker="w1", progress=_progress()) is Signal.LOST
    assert ticking.stage.ledger.sweep(job, grace=1000, queue_lengths={}) == ([], [])


def _progress() -> Any:
    from farm.ledger.values import Progress

    return Progress(1, "rendering")


def test_a_lost_message_is_sent_again(ticking: Ticking) -> None:
    """A message that vanished between broker and worker costs seconds, not a strike."""
    job = ticking.stage.submit(seed="1-8").job
    ticking.tick()
    first = ticking.outbox.take()
    ticking.tick(40)
    assert set(ticking.outbox.take()) == set(first)
    assert records(ticking, job) == []


def test_a_message_that_waits_is_not_sent_twice(ticking: Ticking) -> None:
    """A busy worker's queue is not filled with doubles."""
    ledger = ticking.stage.ledger
    job = ticking.stage.submit(seed="1-8").job
    ticking.tick()
    queue = ledger.entry(job).groups[0].queue
    ledger.redis.lpush(f"{ledger.prefix}:b:{queue}", "a message")
    ticking.outbox.take()
    ticking.tick(60)
    assert ticking.outbox.take() == []


def test_a_retry_that_comes_between_is_not_undone(ticking: Ticking, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the retry cleared is not given up after it: a rebuild would lose the tasks."""
    stage = ticking.stage
    job = stage.submit(seed="1-8").job
    ticking.tick()
    (lease,) = ticking.claim()
    stage.ledger.fail(lease, failed=[(5, 6)], worker="w1", error="It is black.")
    take = stage.ledger.control_number

    def late(*arguments: Any, **named: Any) -> Any:
        monkeypatch.setattr(stage.ledger, "control_number", take)
        stage.farm.tell(job, Verb.RETRY)
        return take(*arguments, **named)

    monkeypatch.setattr(stage.ledger, "control_number", late)
    ticking.tick(2)
    assert stage.ledger.failures(job) == {}
    assert replay(stage.store, job).failed == {}


def test_quarantines_are_written_for_a_rebuild(ticking: Ticking) -> None:
    """A task that was given up is in the store's control objects, once, and again after a retry."""
    stage = ticking.stage
    job = stage.submit(seed="1-8").job
    ticking.tick()
    (lease,) = ticking.claim()
    stage.ledger.fail(lease, failed=[(0, 2), (5, 6)], worker="w1", error="It is black.")
    ticking.tick(3)
    assert replay(stage.store, job).failed == {5: "It is black."}
    assert len(list(stage.store.list(keys.controls(job)))) == 1
    stage.farm.tell(job, Verb.RETRY)
    ticking.claim()
    ticking.tick()
    held = ticking.claim()
    ticking.tick()
    lease = next(found for found in [*held, *ticking.claim()] if found.range.start == 5)
    stage.ledger.fail(lease, failed=[(5, 6)], worker="w1", error="It is black again.")
    ticking.tick(3)
    assert replay(stage.store, job).failed == {5: "It is black again."}
