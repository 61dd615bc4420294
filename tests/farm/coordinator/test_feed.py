from typing import Any

import pytest

from farm.errors import LedgerError
from farm.plan.ranges import WorkRange
from farm.queue import NO_QUEUE

Ticking = Any


def job_of(ticking: Ticking, **render: Any) -> str:
    """Submit a job that has many images, in ranges of 32."""
    return str(ticking.stage.submit(**{"seed": "1-100", **render}).job)


def queue_of(ticking: Ticking, job: str, group: int = 0) -> str:
    """Queue of a group."""
    return str(ticking.stage.ledger.entry(job).groups[group].queue)


def test_a_worker_is_told_its_queue_and_gets_two_ranges(ticking: Ticking) -> None:
    """From submit to message in one tick; the rest waits in the ledger."""
    job = job_of(ticking)
    ticking.tick(2)
    assert ticking.stage.ledger.beat("w1") == queue_of(ticking, job)
    assert len(ticking.outbox.queues[queue_of(ticking, job)]) == 2
    ticking.tick(3)
    assert len(ticking.outbox.take()) == 2


def test_what_was_claimed_is_replaced(ticking: Ticking) -> None:
    """The queue never runs dry while images wait."""
    job_of(ticking)
    ticking.tick(2)
    ticking.claim()
    ticking.tick()
    assert len(ticking.outbox.take()) == 2


def test_without_workers_nothing_is_sent_and_the_job_says_why(ticking: Ticking) -> None:
    """The reason goes as soon as a worker comes."""
    ledger = ticking.stage.ledger
    ledger.leave("w1")
    job = job_of(ticking)
    ticking.tick(2)
    assert ticking.outbox.take() == []
    assert "farm worker" in ledger.status(job).reason
    ledger.register("w2", {})
    ticking.tick(2)
    assert ledger.status(job).reason is None
    assert len(ticking.outbox.take()) == 2


def test_a_model_that_no_worker_can_load_fails_its_group_once(ticking: Ticking) -> None:
    """The sentence of the worker is the job's reason."""
    ledger = ticking.stage.ledger
    job = job_of(ticking)
    ticking.tick(2)
    (first, *_) = ticking.claim()
    ledger.unfit("w1", queue_of(ticking, job), "Its weights are corrupt.")
    ledger.give_back(first)
    ticking.tick(2)
    status = ledger.status(job)
    assert (status.failed, status.reason) == (0, "Its weights are corrupt.")
    ticking.tick(22)
    status = ledger.status(job)
    assert (status.failed, status.reason) == (200, "Its weights are corrupt.")
    assert ledger.assignments()["w1"] == NO_QUEUE


def test_a_model_that_one_of_two_workers_cannot_load_goes_to_the_other(ticking: Ticking) -> None:
    """The unfit worker is taken off the queue, and nothing fails."""
    ledger = ticking.stage.ledger
    job = job_of(ticking)
    ticking.tick(2)
    ledger.register("w2", {})
    ledger.unfit("w1", queue_of(ticking, job), "Its weights are corrupt.")
    ticking.tick(2)
    assert ledger.assignments() == {"w1": NO_QUEUE, "w2": queue_of(ticking, job)}
    assert ledger.status(job).failed == 0


def test_a_draining_worker_gets_nothing(ticking: Ticking) -> None:
    """Its queue is another's, or nobody's."""
    ledger = ticking.stage.ledger
    job_of(ticking)
    ledger.drain("w1")
    ticking.tick(2)
    assert ledger.assignments() == {}
    assert ticking.outbox.take() == []


def test_ranges_of_a_queue_that_nobody_serves_are_taken_back(ticking: Ticking) -> None:
    """When the only worker is needed elsewhere, what it had not claimed waits in the ledger, and its messages go."""
    ledger = ticking.stage.ledger
    job = job_of(ticking)
    ticking.tick(2)
    queue = queue_of(ticking, job)
    ledger.redis.lpush(f"{ledger.prefix}:b:{queue}", "a message")
    urgent = ticking.stage.farm.submit(
        {
            "name": "urgent",
            "render": ticking.stage.render_fields(dtype="float16"),
            "run": {"priority": 90},
        }
    ).job
    assert queue_of(ticking, urgent) != queue
    ticking.outbox.take()
    ticking.tick(2)
    assert ledger.assignments() == {"w1": queue_of(ticking, urgent)}
    assert ledger.loads(job)[0].sent == 0
    assert ledger.loads(job)[0].waiting == 200
    assert ledger.queue_lengths([queue]) == {queue: 0}
    assert {rng.job_id for rng in ticking.outbox.take()} == {urgent}


def test_what_could_not_be_sent_is_sent_by_the_sweep(ticking: Ticking) -> None:
    """A broker that fails between dispatch and send loses nothing."""
    job_of(ticking)
    ticking.outbox.error = LedgerError("no broker")
    with pytest.raises(LedgerError):
        ticking.tick()
    ticking.outbox.error = None
    ticking.tick()
    assert len(ticking.outbox.take()) == 1
    ticking.tick(40)
    assert WorkRange(ticking.stage.ledger.jobs()[0].job_id, 0, 32) in ticking.outbox.take()


def test_a_worker_that_is_silent_for_a_moment_has_a_say(ticking: Ticking) -> None:
    """After a pause the unfit worker is heard of first: that is no reason to fail the group of the other."""
    ledger = ticking.stage.ledger
    job = job_of(ticking)
    ticking.tick(2)
    ledger.register("w2", {})
    ledger.shift_clock(20)
    ledger.unfit("w1", queue_of(ticking, job), "Its weights are corrupt.")
    ledger.beat("w1")
    ticking.coordinator.tick()
    assert ledger.status(job).failed == 0
    assert ledger.status(job).reason == "Its weights are corrupt."
    ledger.shift_clock(50)
    ledger.beat("w1")
    ticking.coordinator.tick()
    assert ledger.status(job).failed == 200


def test_a_job_that_is_submitted_after_a_repair_is_rendered(ticking: Ticking) -> None:
    """The worker that could not load the model is asked again, once somebody asks for it again."""
    ledger = ticking.stage.ledger
    first = job_of(ticking)
    ticking.tick(2)
    ticking.claim()
    ledger.unfit("w1", queue_of(ticking, first), "Its weights are corrupt.")
    ticking.tick(25)
    again = ticking.stage.farm.submit(
        {"name": "mugs", "render": ticking.stage.render_fields(seed="1-100")}, again=True
    ).job
    ticking.tick(2)
    assert {rng.job_id for rng in ticking.outbox.take()} == {again}
    assert ledger.status(first).failed > 0
