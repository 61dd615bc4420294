import json
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from farm.client.control import Verb
from farm.coordinator.keep import EVERY, Keeper, confirmed
from farm.errors import StoreError
from farm.ledger.values import JobState, kept_until
from farm.store import keys

#: `Stage` of the conftest above: a farm's client, its ledger and its store.
Stage = Any
DAY = 86_400.0


@pytest.fixture
def keep(stage: Stage) -> Callable[[], list[str]]:
    """Lets a leader look once; the jobs that are left."""

    def look() -> list[str]:
        keeper = Keeper(stage.ledger, stage.store, clock=iter((0.0, EVERY, EVERY)).__next__)
        keeper.consider()
        assert keeper._busy
        keeper._busy.result()
        keeper.close()
        return [job.job_id for job in stage.ledger.jobs()]

    return look


def ended(stage: Stage, name: str = "mugs", days: int | None = 2, state: JobState = JobState.DONE) -> str:
    """A job that is over now."""
    job: str = stage.farm.submit({"name": name, "render": stage.render_fields(), "run": {"keep_days": days}}).job
    stage.render(job)
    document = {"state": state, "finished_at": stage.ledger.now()}
    stage.store.put(keys.finished(job), json.dumps(document).encode())
    stage.ledger.finish(job, state, None, finished_at=document["finished_at"])
    return job


def test_a_job_goes_when_its_days_are_over(stage: Stage, keep: Callable[[], list[str]]) -> None:
    """Not before; one that nobody limited stays."""
    job, other = ended(stage), ended(stage, "cups", None)
    stage.ledger.shift_clock(2 * DAY - 60)
    assert keep() == [job, other]
    stage.ledger.shift_clock(120)
    assert keep() == [other]
    assert list(stage.store.list(keys.job(job))) == []


def test_a_job_under_way_is_never_removed(stage: Stage, keep: Callable[[], list[str]]) -> None:
    """However old it is; nor one that is paused, nor one that was retried."""
    running = stage.farm.submit({"name": "a", "render": stage.render_fields(), "run": {"keep_days": 1}}).job
    stage.render(running, 1)
    retried = stage.farm.submit({"name": "b", "render": stage.render_fields(), "run": {"keep_days": 1}}).job
    stage.fail(retried)
    stage.render(retried)
    stage.end(retried, JobState.FAILED)
    stage.farm.tell(retried, Verb.RETRY)
    stage.ledger.shift_clock(100 * DAY)
    assert keep() == [running, retried]


def test_what_was_said_last_counts(stage: Stage, keep: Callable[[], list[str]]) -> None:
    """A job may be given more days after its end, or all; or days where it had none."""
    longer, forever, shorter = (ended(stage, name, days) for name, days in (("a", 2), ("b", 2), ("c", None)))
    for job, days in ((longer, 30), (forever, None), (shorter, 1)):
        stage.farm.tell(job, Verb.SET, {"keep_days": days})
    stage.ledger.shift_clock(10 * DAY)
    assert keep() == [longer, forever]


def test_what_redis_forgot_is_not_forgotten(stage: Stage, keep: Callable[[], list[str]]) -> None:
    """The store decides: a Redis that lost its last second does not cost a picture."""
    job = ended(stage)
    stage.farm.tell(job, Verb.SET, {"keep_days": None})
    stage.ledger.set_control(job, keep_days=2)
    stage.ledger.shift_clock(10 * DAY)
    assert keep() == [job]


@pytest.mark.parametrize("key", [keys.plan, keys.finished, lambda job: keys.control(job, 1, "set")])
def test_what_cannot_be_read_is_not_removed(stage: Stage, key: Callable[[str], str]) -> None:
    """Nobody knows what its user wanted; the other jobs go."""
    job = ended(stage)
    assert confirmed(stage.store, job, now=stage.ledger.now() + 3 * DAY)
    stage.store.put(key(job), b"{")
    assert not confirmed(stage.store, job, now=stage.ledger.now() + 3 * DAY)


def test_a_removal_that_broke_off_is_completed(stage: Stage, keep: Callable[[], list[str]]) -> None:
    """Whoever began it. A submission that is under way, and what has no end, are left alone."""
    for name in ("mugs/finished.json", "mugs/images/a.png", "cups/rows/part-0.parquet"):
        stage.store.put(keys.JOBS + name, b"{}")
    other = ended(stage, "plates")
    assert keep() == [other]
    assert not list(stage.store.list("jobs/mugs/"))
    assert list(stage.store.list("jobs/cups/")) == ["jobs/cups/rows/part-0.parquet"]


def test_a_store_that_is_away_is_tried_again(
    stage: Stage, keep: Callable[[], list[str]], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """One sentence in the log, and the loop goes on."""
    job = ended(stage)
    stage.ledger.shift_clock(3 * DAY)

    def away(*_: object) -> None:
        """It cannot be reached."""
        raise StoreError("The store cannot be reached.")

    with monkeypatch.context() as broken:
        broken.setattr(stage.store, "delete", away)
        assert keep() == [job]
    assert "are still there: The store cannot be reached." in caplog.text
    assert keep() == []


def test_a_coordinator_that_ends_leaves_a_long_removal_to_the_next(
    stage: Stage, keep: Callable[[], list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It does not wait for millions of deletions."""
    job = ended(stage)
    for number in range(1500):
        stage.store.put(keys.image(job, f"{number}.png"), b"x")
    stage.ledger.shift_clock(3 * DAY)
    keeper = Keeper(stage.ledger, stage.store, clock=iter((0.0, EVERY, EVERY)).__next__)
    delete, closer = stage.store.delete, threading.Thread(target=keeper.close)

    def slow(found: Any) -> None:
        """While the first page goes, the coordinator ends."""
        if len(page := list(found)) == 1000:
            closer.start()
            while not keeper._closing:
                time.sleep(0.01)
        delete(page)

    with monkeypatch.context() as slowed:
        slowed.setattr(stage.store, "delete", slow)
        keeper.consider()
        assert keeper._busy
        keeper._busy.result()
        closer.join()
    assert stage.store.exists(keys.finished(job))
    assert not stage.store.exists(keys.plan(job))
    assert keep() == []
    assert not list(stage.store.list(keys.job(job)))


def test_it_looks_now_and_then(stage: Stage) -> None:
    """Neither at once nor at every tick."""
    now, looks = 0.0, 0

    class Counting(Keeper):
        """Counts."""

        def _look(self) -> None:
            nonlocal looks
            looks += 1

    keeper = Counting(stage.ledger, stage.store, clock=lambda: now)
    for seconds in (0.0, EVERY - 1, EVERY, EVERY + 1, 2 * EVERY, 3 * EVERY):
        now = seconds
        keeper.consider()
        if keeper._busy:
            keeper._busy.result()
    keeper.close()
    assert looks == 3


@pytest.mark.parametrize(("ended_at", "days", "until"), [(10.0, 1, 86_410.0), (None, 1, None), (10.0, None, None)])
def test_days_count_from_the_end(ended_at: float | None, days: int | None, until: float | None) -> None:
    """And a job that has none is kept."""
    assert kept_until(ended_at, days) == until
