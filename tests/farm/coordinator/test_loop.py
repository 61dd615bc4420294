import logging
import threading
from typing import Any

import pytest

from farm.coordinator import loop
from farm.errors import LedgerError, StoreError
from farm.ledger.ledger import Ledger
from farm.ledger.values import JobState, Lease, Progress, Signal
from farm.store import keys

Ticking = Any


def test_one_coordinator_leads_and_another_stands_by(ticking: Ticking) -> None:
    """The standby does nothing until the leader is gone."""
    ticking.stage.submit()
    standby = ticking.another("c2")
    ticking.tick()
    assert ticking.outbox.take()
    ticking.stage.render(ticking.stage.submit(seed="5-6").job)
    assert standby.tick() is False
    assert ticking.outbox.take() == []
    ticking.coordinator.close()
    standby.tick()
    assert ticking.stage.ledger.leader() == "c2"
    standby.close()


def test_a_coordinator_that_is_started_again_goes_on(ticking: Ticking) -> None:
    """It has no state: what was sent is not sent twice, and what was not is."""
    ticking.stage.submit(seed="1-64")
    ticking.tick()
    first = ticking.outbox.take()
    ticking.coordinator.close()
    ticking.coordinator = ticking.another("c2")
    ticking.tick(3)
    assert ticking.outbox.take() == []
    for rng in first:
        assert isinstance(ticking.stage.ledger.claim(rng, worker="w1"), Lease)
    ticking.tick()
    again = ticking.outbox.take()
    assert len(again) == 2
    assert not set(again) & set(first)


def test_a_farm_without_ranges_to_send_is_idle(ticking: Ticking) -> None:
    """Nothing to send is said, so that the loop sleeps longer: before a job, and while its queue is full."""
    assert ticking.coordinator.tick() is False
    ticking.stage.submit(seed="1-200")
    assert ticking.coordinator.tick() is True
    assert ticking.coordinator.tick() is False


def test_a_tick_asks_redis_little(ticking: Ticking) -> None:
    """A coordinator beside a renderer on one machine takes processor time from it with every question."""
    ticking.stage.submit(seed="1-200")
    ticking.tick(2)
    ticking.time += 0.1
    before = ticking.stage.ledger.redis.info("stats")["total_commands_processed"]
    ticking.coordinator.tick()
    asked = ticking.stage.ledger.redis.info("stats")["total_commands_processed"] - before - 1
    assert asked <= 20  # what scripts do inside Redis included


def test_redis_that_lost_everything_is_rebuilt_and_workers_keep_what_they_hold(ticking: Ticking) -> None:
    """FLUSHALL in the middle of a job: no image is lost, and none that is being rendered is sent again."""
    stage = ticking.stage
    job = stage.submit(seed="1-64").job
    stage.render(job, 32)
    ticking.tick(6)
    lease, *_ = ticking.claim()
    stage.ledger.redis.flushall()
    progress = Progress(1, "rendering")
    assert stage.ledger.renew(lease, worker="w1", progress=progress) is Signal.CONTINUE
    stage.ledger.beat("w1", {})
    ticking.tick()
    assert stage.ledger.status(job).done == 32
    assert ticking.outbox.take() == []
    assert stage.ledger.renew(lease, worker="w1", progress=progress) is Signal.CONTINUE
    ticking.tick(6)
    sent = ticking.outbox.take()
    assert sent
    assert all(rng.stop <= lease.range.start or rng.start >= lease.range.stop for rng in sent)
    assert len(stage.ledger.commit(lease, lease.range.start, lease.range.stop, seconds=1, price=None)) == 32


def test_workers_have_their_time_after_a_long_rebuild(ticking: Ticking, monkeypatch: pytest.MonkeyPatch) -> None:
    """Reading the store takes as long as it takes; only then do workers begin to say what they hold."""
    stage = ticking.stage
    stage.render(stage.submit(seed="1-64").job, 32)
    stage.ledger.redis.flushall()
    stage.ledger.beat("w1", {})
    read = stage.store.list

    def slow(prefix: str) -> Any:
        ticking.time += 20
        return read(prefix)

    with monkeypatch.context() as patch:
        patch.setattr(stage.store, "list", slow)
        ticking.tick()
    ticking.tick(4)
    assert ticking.outbox.take() == []
    ticking.tick()
    assert ticking.outbox.take()


def test_old_jobs_keep_nobody_waiting(ticking: Ticking) -> None:
    """Where all that was read is over, no worker holds anything: what is submitted is sent at once."""
    stage = ticking.stage
    job = stage.submit().job
    stage.render(job)
    stage.end(job, JobState.DONE)
    stage.ledger.redis.flushall()
    stage.ledger.register("w1", {})
    ticking.tick()
    stage.submit(seed="7-9")
    ticking.tick()
    assert ticking.outbox.take()


def test_a_submission_that_the_ledger_never_heard_of_is_found(ticking: Ticking) -> None:
    """Its client died after the plan was written; within a minute or so it is a job like any other."""
    stage = ticking.stage
    ticking.tick()
    job = stage.submit().job
    stage.ledger.forget(job)
    ticking.tick(int(loop.LOOK_EVERY))
    assert stage.ledger.status(job).state is JobState.QUEUED
    ticking.tick()
    assert {rng.job_id for rng in ticking.outbox.take()} == {job}


def test_a_plan_that_is_damaged_while_its_job_runs_is_seen(ticking: Ticking) -> None:
    """Workers that read it give its ranges back for ever: the job fails instead."""
    stage = ticking.stage
    job = stage.submit().job
    ticking.tick()
    stage.store.put(keys.plan(job), b"{}")
    ticking.tick(int(loop.LOOK_EVERY))
    assert stage.ledger.status(job).state is JobState.FAILED


def test_a_job_whose_redis_entry_was_lost_alone_is_found_again(ticking: Ticking) -> None:
    """A submission that died before the ledger heard of it is completed in the next epoch."""
    stage = ticking.stage
    job = stage.submit().job
    stage.ledger.forget(job)
    ticking.tick()
    assert stage.ledger.status(job).state is JobState.QUEUED


def test_a_job_whose_plan_is_damaged_fails_and_is_submitted_again(ticking: Ticking) -> None:
    """Nothing of it is sent, the others run; the same manifest writes the plan anew, and what was rendered stays."""
    stage = ticking.stage
    broken, fine = stage.submit().job, stage.submit(seed="7-9").job
    stage.render(broken, 2)
    stage.store.put(keys.plan(broken), b"{}")
    ticking.tick(6)
    status = stage.ledger.status(broken)
    assert (status.state, "submit the job again" in status.reason) == (JobState.FAILED, True)
    assert {rng.job_id for rng in ticking.outbox.take()} == {fine}
    assert stage.submit().state is JobState.QUEUED
    ticking.tick(8)
    assert [(rng.start, rng.stop) for rng in ticking.outbox.take() if rng.job_id == broken] == [(2, 4)]


def test_a_control_object_that_cannot_be_read_hinders_no_other_job(ticking: Ticking) -> None:
    """The job says what is wrong, the others run, and it runs when its object is back."""
    stage = ticking.stage
    broken, fine = stage.submit().job, stage.submit(seed="7-9").job
    key = keys.control(broken, 1, "set")
    stage.store.put(key, b"{not json")
    ticking.tick(2)
    assert "cannot be read" in stage.ledger.status(broken).reason
    assert {rng.job_id for rng in ticking.outbox.take()} == {fine}
    stage.store.delete([key])
    ticking.tick()
    assert stage.ledger.status(broken).reason is None


def test_errors_of_a_service_are_said_once_and_waited_out(
    ticking: Ticking, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A store that is away does not end the loop; waits grow, and shrink when it is back."""
    stage = ticking.stage
    stage.submit()

    def away(_prefix: str) -> None:
        raise StoreError("The store is away.")

    with monkeypatch.context() as patch, caplog.at_level(logging.ERROR):
        patch.setattr(stage.store, "list", away)
        waits = [ticking.coordinator.step(wait) for wait in (0.1, 1.0, 2.0, 14.0)]
    assert waits == [1.0, 2.0, 4.0, loop.MOST_BACKOFF]
    assert stage.ledger.jobs()[0].reason == "The coordinator waits. The store is away."
    assert {record.getMessage() for record in caplog.records} == {"The store is away."}
    assert ticking.coordinator.step(15.0) == loop.BUSY
    assert "The coordinator waits" not in (stage.ledger.jobs()[0].reason or "")


def test_a_silence_of_redis_is_blamed_on_nobody(ticking: Ticking, monkeypatch: pytest.MonkeyPatch) -> None:
    """A coordinator that could not reach Redis itself lets workers renew before it sweeps."""
    stage = ticking.stage
    stage.submit()
    ticking.tick(2)
    (held, *_) = ticking.claim()

    def away(*_: object) -> None:
        raise LedgerError("Redis is away.")

    with monkeypatch.context() as patch:
        patch.setattr(stage.ledger, "lead", away)
        ticking.coordinator.step(0.0)
    stage.ledger.shift_clock(stage.ledger.lease + 1)
    ticking.tick(5)
    assert stage.ledger.renew(held, worker="w1", progress=Progress(ticks=1, doing="rendering")) is Signal.CONTINUE
    stage.ledger.shift_clock(stage.ledger.lease + 1)
    ticking.tick(2, seconds=stage.ledger.lease)
    assert stage.ledger.renew(held, worker="w1", progress=Progress(ticks=2, doing="rendering")) is Signal.LOST


def test_the_loop_stops_when_it_is_told(ticking: Ticking) -> None:
    """It gives the lock up at once, so that a standby need not wait."""
    stop = threading.Event()
    thread = threading.Thread(target=ticking.coordinator.run, args=(stop,))
    thread.start()
    stop.wait(0.3)
    assert not ticking.stage.ledger.lead("c2", 10)
    stop.set()
    thread.join(10)
    assert not thread.is_alive()
    assert ticking.stage.ledger.lead("c2", 10)


def test_the_loop_outlives_a_restart_of_redis(
    own_redis: Any, ticking: Ticking, caplog: pytest.LogCaptureFixture
) -> None:
    """Redis goes and comes back, and the loop with it."""
    ledger = Ledger.connect(own_redis.settings)
    coordinator = loop.Coordinator(ledger, ticking.stage.store, ticking.outbox, name="c1")
    assert coordinator.step(0.0) == loop.IDLE
    own_redis.stop()
    assert coordinator.step(0.0) == 1.0
    assert "cannot be reached" in caplog.text
    own_redis.start()
    assert coordinator.step(1.0) == loop.IDLE
    coordinator.close()
    ledger.redis.close()
