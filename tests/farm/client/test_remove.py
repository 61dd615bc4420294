from typing import TYPE_CHECKING

import pytest

from farm.client.remove import LOOK, PATIENCE, check, find
from farm.errors import NoSuchJobError, UsageError
from farm.ledger.values import JobState
from farm.store import keys

if TYPE_CHECKING:
    from tests.farm.conftest import Stage


def test_a_job_under_way_is_refused(stage: "Stage") -> None:
    """Queued, running and paused; the sentence says what to do, and nothing is touched."""
    job = stage.submit().job
    for act in (lambda: None, lambda: stage.render(job, 2)):
        act()
        with pytest.raises(UsageError, match=f"`farm cancel {job}` first"):
            stage.farm.remove(job)
    assert stage.store.exists(keys.plan(job))


def test_a_job_that_only_the_store_knows_is_refused(stage: "Stage") -> None:
    """A coordinator would take it up."""
    job = stage.submit().job
    stage.ledger.redis.flushall()
    with pytest.raises(UsageError, match="is queued"):
        stage.farm.remove(job)


def test_a_job_that_is_over_goes(stage: "Stage") -> None:
    """By its name; afterwards there is no such job."""
    job = stage.submit().job
    stage.render(job)
    stage.end(job, JobState.DONE)
    assert stage.farm.remove("mugs").job == job
    with pytest.raises(NoSuchJobError):
        stage.farm.status(job)
    assert list(stage.store.list("jobs/")) == []


def test_a_job_just_cancelled_is_waited_for(stage: "Stage") -> None:
    """Its workers stop within a step; what they still write must not outlive the job."""
    job = stage.submit().job
    stage.farm.cancel(job)
    waited: list[float] = []

    def sleep(seconds: float) -> None:
        """Its end is written after a second."""
        waited.append(seconds)
        if sum(waited) >= 1:
            stage.end(job, JobState.CANCELLED)

    check(job, stage.farm.connection, sleep=sleep)
    assert sum(waited) == pytest.approx(1, abs=LOOK)


def test_patience_ends(stage: "Stage") -> None:
    """Without a coordinator nobody ever writes the end of a job."""
    job = stage.submit().job
    stage.farm.cancel(job)
    waited: list[float] = []
    with pytest.raises(UsageError, match="its end is still being written"):
        check(job, stage.farm.connection, sleep=waited.append)
    assert sum(waited) == pytest.approx(PATIENCE, abs=1)


def test_a_job_whose_plan_is_damaged_can_be_removed(stage: "Stage") -> None:
    """Nobody can do anything else with it."""
    job = stage.submit().job
    stage.ledger.redis.flushall()
    stage.store.put(keys.plan(job), b"{")
    assert stage.farm.remove(job).job == job
    assert list(stage.store.list("jobs/")) == []


def test_what_a_removal_has_left_is_found(stage: "Stage") -> None:
    """By the id or the beginning of it, as long as that is the only one."""
    for name in ("mugs-1/images/a.png", "mugs-2/images/a.png", "cups-1/finished.json"):
        stage.store.put(keys.JOBS + name, b"x")
    assert find("cups", stage.farm.connection) == "cups-1"
    assert find("mugs-1", stage.farm.connection) == "mugs-1"
    for word in ("mugs", "", "plates"):
        with pytest.raises(NoSuchJobError):
            find(word, stage.farm.connection)
    assert stage.farm.remove("cups").job == "cups-1"
