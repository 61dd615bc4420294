import json
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest

from farm.client.control import Verb
from farm.coordinator import finish as module
from farm.coordinator.finish import Finisher, ending, is_over, write_results
from farm.errors import StoreError
from farm.ledger.values import JobState
from farm.profile.outcome import Outcome
from farm.store import keys

Ticking = Any
Stage = Any


def document(stage: Stage, job: str) -> dict[str, Any]:
    """What ``finished.json`` says."""
    found = json.loads(stage.store.get(keys.finished(job)))
    assert isinstance(found, dict)
    return found


def until(ticking: Ticking, done: Callable[[], bool]) -> None:
    """Tick until it is so; results are written beside the loop."""
    deadline = time.monotonic() + 20
    while not done():
        assert time.monotonic() < deadline
        ticking.tick()
        time.sleep(0.02)


def over(ticking: Ticking, job: str) -> Callable[[], bool]:
    """Whether the job is not active any more."""
    return lambda: job not in ticking.stage.ledger.active()


def test_a_job_with_every_picture_is_done(ticking: Ticking) -> None:
    """Done waits for results, tables and finished.json."""
    stage = ticking.stage
    job = stage.submit().job
    stage.render(job)
    until(ticking, over(ticking, job))
    status = stage.ledger.status(job)
    assert (status.state, status.reason, status.done) == (JobState.DONE, None, 4)
    found = document(stage, job)
    assert (found["state"], found["images"]) == ("done", {"total": 4, "done": 4, "failed": 0})
    assert found["gpu_s"] == pytest.approx(status.gpu_s)
    assert len(stage.store.get(keys.results(job)).splitlines()) == 4
    assert stage.store.exists(keys.table(job, "images", 0))


def test_a_job_with_failures_is_failed_and_says_why(ticking: Ticking) -> None:
    """Its reason names the first failure, and errors.jsonl holds every failed task."""
    stage = ticking.stage
    job = stage.submit().job
    stage.fail(job, 1, "It is black.")
    stage.render(job)
    until(ticking, over(ticking, job))
    status = stage.ledger.status(job)
    assert (status.state, status.done, status.failed) == (JobState.FAILED, 3, 1)
    assert status.reason == "1 of 4 images failed: It is black."
    assert len(stage.store.get(keys.errors(job)).splitlines()) == 1


def test_a_cancelled_job_ends_when_nobody_renders_it(ticking: Ticking) -> None:
    """What was rendered before is in the results."""
    stage = ticking.stage
    job = stage.submit().job
    stage.render(job, 2)
    lease = stage.lease(job, 1)
    stage.farm.cancel(job)
    ticking.tick(2)
    assert not over(ticking, job)()
    stage.ledger.give_back(lease)
    until(ticking, over(ticking, job))
    assert document(stage, job)["state"] == "cancelled"
    assert len(stage.store.get(keys.results(job)).splitlines()) == 2


def test_the_counts_of_a_cancelled_job_agree(ticking: Ticking) -> None:
    """A picture whose commit came after the cancel is in the store, in the results, and in every count."""
    stage = ticking.stage
    job = stage.submit().job
    stage.render(job, 1)
    lease = stage.lease(job, 2)
    stage.farm.cancel(job)
    stage.write(stage.record(lease, Outcome.RENDERED), lease)
    assert stage.ledger.commit(lease, 1, 3, seconds=1.0, price=None) == []
    until(ticking, over(ticking, job))
    lines = stage.store.get(keys.results(job)).splitlines()
    assert document(stage, job)["images"] == {"total": 4, "done": 3, "failed": 0}
    assert stage.farm.status(job).images.done == len(lines) == 3


def test_a_blocked_group_ends_the_job_with_its_sentence(ticking: Ticking) -> None:
    """A model that cannot load fails every image of its group with one sentence."""
    stage = ticking.stage
    job = stage.submit().job
    stage.ledger.block_group(job, 0, "Its weights are corrupt.")
    until(ticking, over(ticking, job))
    assert stage.ledger.status(job).reason == "4 of 4 images failed: Its weights are corrupt."
    assert len(stage.store.get(keys.errors(job)).splitlines()) == 4


def test_a_retried_job_ends_again(ticking: Ticking) -> None:
    """The second end replaces the first."""
    stage = ticking.stage
    job = stage.submit().job
    stage.fail(job)
    stage.render(job)
    until(ticking, over(ticking, job))
    assert stage.farm.tell(job, Verb.RETRY) == 1
    assert stage.ledger.status(job).state is JobState.RUNNING
    stage.render(job)
    until(ticking, over(ticking, job))
    assert document(stage, job)["state"] == "done"
    assert stage.store.get(keys.errors(job)) == b""


def test_results_of_a_job_that_was_retried_meanwhile_are_not_its_end(ticking: Ticking) -> None:
    """A retry between the look and the end wins; finished.json does not stay."""
    stage = ticking.stage
    job = stage.submit().job
    stage.fail(job)
    stage.render(job)
    seen = stage.ledger.status(job)
    stage.farm.tell(job, Verb.RETRY)
    assert write_results(stage.ledger, stage.store, seen) is False
    assert not stage.store.exists(keys.finished(job))
    assert stage.ledger.status(job).state is JobState.RUNNING


def test_a_store_that_refuses_is_tried_again(ticking: Ticking, monkeypatch: pytest.MonkeyPatch) -> None:
    """The job says what it waits for, and ends when the store takes its results."""
    stage = ticking.stage
    job = stage.submit().job
    stage.render(job)
    real = stage.store.put

    def refuse(key: str, *_: Any, **__: Any) -> None:
        raise StoreError(f"The store refuses {key}.")

    monkeypatch.setattr(stage.store, "put", refuse)
    until(ticking, lambda: "cannot be written" in (stage.ledger.status(job).reason or ""))
    assert stage.ledger.status(job).state is JobState.RUNNING
    monkeypatch.setattr(stage.store, "put", real)
    until(ticking, over(ticking, job))
    assert stage.ledger.status(job).reason is None


def test_a_job_whose_plan_was_damaged_fails(ticking: Ticking) -> None:
    """Its pictures are there and cannot be named: asking the store again would change nothing."""
    stage = ticking.stage
    job = stage.submit().job
    ticking.tick()
    (lease,) = ticking.claim()
    stage.ledger.commit(lease, 0, 4, seconds=1.0, price=None)
    stage.store.put(keys.plan(job), b"{}")
    until(ticking, over(ticking, job))
    status = stage.ledger.status(job)
    assert (status.state, "submit the job again" in status.reason) == (JobState.FAILED, True)


def test_a_job_is_over_when_every_image_is_accounted_for_and_nobody_holds_a_range(make_view: Any) -> None:
    """Done and failed together, or cancelled; a lease that is held is waited for."""
    job = make_view(waiting=(0,))
    assert not is_over(job)
    done = replace(job, status=replace(job.status, done=90, failed=10))
    assert is_over(done)
    assert is_over(replace(job, status=replace(job.status, state=JobState.CANCELLED)))
    assert not is_over(replace(done, loads=[replace(done.loads[0], leased=1)]))


def test_how_a_job_ends(make_view: Any) -> None:
    """Cancelled outranks failed, failed outranks done; the reason is a sentence."""
    status = make_view().status
    assert ending(status, None).state is JobState.DONE
    failed = replace(status, failed=2)
    assert ending(failed, "It is black.").reason == "2 of 100 images failed: It is black."
    assert ending(replace(failed, reason="Its weights are corrupt."), None).reason is not None
    cancelled = replace(failed, state=JobState.CANCELLED, reason="Cancelled by its user.")
    assert ending(cancelled, None) == ending(replace(cancelled, failed=0), None)


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    """Where large jobs are written."""
    with ThreadPoolExecutor(1) as found:
        yield found


def test_one_job_is_finished_once_at_a_time(ticking: Ticking, make_view: Any, pool: ThreadPoolExecutor) -> None:
    """A look while results are being written begins nothing new."""
    stage = ticking.stage
    job = stage.submit().job
    stage.render(job)
    finisher = Finisher(stage.ledger, stage.store, pool, clock=lambda: 0.0)
    seen = replace(make_view(waiting=(0,)), status=stage.ledger.status(job))
    finisher.consider(seen)
    finisher.consider(seen)
    finisher.close()
    finisher.collect()
    assert stage.ledger.status(job).state is JobState.DONE


def test_a_small_job_does_not_wait_for_a_large_one(
    stage: Stage, make_view: Any, pool: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Results of a million images take half a minute; three images are done at once all the same."""
    large, small = stage.submit(seed="1-8").job, stage.submit(seed="9").job
    stage.render(large)
    stage.render(small)
    monkeypatch.setattr(module, "SLICE", 8)
    held = threading.Event()
    pool.submit(held.wait, 20)
    finisher = Finisher(stage.ledger, stage.store, pool, clock=lambda: 0.0)
    for job in (large, small):
        finisher.consider(replace(make_view(waiting=(0,)), status=stage.ledger.status(job)))
    finisher._small.shutdown()
    assert [stage.ledger.status(job).state for job in (small, large)] == [JobState.DONE, JobState.RUNNING]
    held.set()
    pool.shutdown()
    assert stage.ledger.status(large).state is JobState.DONE


def test_a_large_job_is_left_to_the_next_coordinator(
    ticking: Ticking, make_view: Any, pool: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A coordinator that is told to end does so after the slice at hand; the job ends with the next one."""
    stage = ticking.stage
    job = stage.submit(seed="1-8").job
    stage.render(job)
    monkeypatch.setattr(module, "SLICE", 8)
    finisher = Finisher(stage.ledger, stage.store, pool, clock=lambda: 0.0)
    monkeypatch.setattr(finisher, "_stopping", threading.Event())
    finisher._stopping.set()
    finisher.consider(replace(make_view(waiting=(0,)), status=stage.ledger.status(job)))
    finisher.close()
    finisher.collect()
    assert (stage.ledger.status(job).state, stage.ledger.status(job).reason) == (JobState.RUNNING, None)
    assert stage.store.exists(keys.table(job, "images", 0))
    until(ticking, over(ticking, job))
    assert document(stage, job)["images"]["done"] == 16


def test_a_damaged_record_is_waited_for(ticking: Ticking) -> None:
    """It is named, and once it is back or deleted the job ends: nothing else of it is lost."""
    stage = ticking.stage
    job = stage.submit().job
    stage.render(job)
    [key] = stage.store.list(keys.records(job))
    record = stage.store.get(key)
    stage.store.put(key, b"{")
    until(ticking, lambda: key in (stage.ledger.status(job).reason or ""))
    stage.store.put(key, record)
    until(ticking, over(ticking, job))
    assert document(stage, job)["state"] == "done"
