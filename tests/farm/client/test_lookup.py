from typing import TYPE_CHECKING

import pytest

from farm.client.lookup import all_jobs, find_job, status_of
from farm.errors import DamagedError, NoSuchJobError, StoreError, UsageError
from farm.ledger.values import JobState
from farm.store import keys

if TYPE_CHECKING:
    from tests.farm.conftest import Stage


def test_a_job_goes_by_id_name_and_the_beginning_of_its_id(stage: "Stage") -> None:
    """Whatever a person remembers of it finds it."""
    job = stage.submit("Mugs overnight").job
    for word in (job, "Mugs overnight", job[:8], job[:-1]):
        assert find_job(word, stage.farm.connection) == job


def test_a_known_job_costs_no_look_at_the_store(stage: "Stage", monkeypatch: pytest.MonkeyPatch) -> None:
    """A status must be instant."""
    job = stage.submit().job

    def away(*_: object) -> None:
        raise StoreError("The store is away.")

    for verb in ("get", "list", "folders", "exists"):
        monkeypatch.setattr(stage.store, verb, away)
    assert stage.farm.status(job[:7]).job == job


def test_a_word_that_could_be_several_jobs_is_refused(stage: "Stage") -> None:
    """Cancelling the wrong job is worse than typing three more letters."""
    jobs = [stage.submit(steps=steps).job for steps in (4, 8)]
    with pytest.raises(UsageError, match="could be") as refusal:
        find_job("mugs", stage.farm.connection)
    assert all(job in str(refusal.value) for job in jobs)


@pytest.mark.parametrize("word", ["nothing", "", "../mugs", "mugs/", "*"])
def test_no_such_job(stage: "Stage", word: str) -> None:
    """A word that fits nothing is an error of its own, with its own exit code."""
    stage.submit()
    with pytest.raises(NoSuchJobError, match="farm list"):
        find_job(word, stage.farm.connection)


def test_a_job_that_redis_lost_is_found_in_the_store(stage: "Stage") -> None:
    """By its id and by its beginning; until a coordinator comes it waits."""
    job = stage.submit().job
    stage.ledger.redis.flushall()
    assert find_job(job[:-1], stage.farm.connection) == job
    status = status_of(job, stage.farm.connection)
    assert (status.state, status.images.total) == (JobState.QUEUED, 4)


def test_a_finished_job_is_read_from_the_store(stage: "Stage") -> None:
    """Redis may forget a job that is over; its end is in the store."""
    job = stage.submit().job
    stage.render(job)
    stage.end(job, JobState.DONE)
    stage.ledger.redis.flushall()
    assert stage.farm.status(job).state is JobState.DONE


def test_a_job_says_whether_anybody_looks_after_it(stage: "Stage", monkeypatch: pytest.MonkeyPatch) -> None:
    """A coordinator that was forgotten is the first thing to look for; one that leads has its own reasons."""
    job = stage.submit().job
    assert "No coordinator is running" in str(stage.farm.status(job).reason)
    assert "No coordinator is running" in str(stage.farm.jobs()[0].reason)
    with monkeypatch.context() as patch:
        patch.setattr(stage.ledger, "refusal", lambda: "Redis at box:1 is out of memory.")
        assert stage.farm.status(job).reason == stage.farm.jobs()[0].reason == "Redis at box:1 is out of memory."
    assert stage.ledger.lead("c1", 60)
    assert stage.farm.status(job).reason is stage.farm.jobs()[0].reason is None


def test_half_a_submission_is_no_job(stage: "Stage") -> None:
    """Objects without a plan were left by a submit that was killed."""
    stage.store.put("jobs/half-1/rows/part-0.parquet", b"")
    with pytest.raises(NoSuchJobError):
        find_job("half-1", stage.farm.connection)
    with pytest.raises(NoSuchJobError):
        status_of("half-1", stage.farm.connection)
    assert all_jobs(stage.farm.connection) == []


def test_jobs_are_listed_with_the_latest_first(stage: "Stage") -> None:
    """What was submitted last is what people look for."""
    jobs = [stage.submit(steps=steps).job for steps in (4, 8, 12)]
    assert [job.job for job in all_jobs(stage.farm.connection)] == jobs[::-1]


def test_a_damaged_job_hides_no_other(stage: "Stage") -> None:
    """The list goes on without it; asked for alone, it is one sentence."""
    broken, fine = (stage.submit(steps=steps).job for steps in (4, 8))
    stage.ledger.redis.flushall()
    stage.store.put(keys.plan(broken), b"{}")
    assert [job.job for job in all_jobs(stage.farm.connection)] == [fine]
    with pytest.raises(DamagedError, match="submit the job again"):
        stage.farm.status(broken)


def test_lost_jobs_are_listed_until_a_coordinator_has_found_them(stage: "Stage") -> None:
    """After that the ledger knows them all, and the store need not be asked."""
    job = stage.submit().job
    stage.ledger.redis.flushall()
    assert [found.job for found in all_jobs(stage.farm.connection)] == [job]
    epoch, _ = stage.ledger.ensure_epoch()
    stage.ledger.set_discovered(epoch)
    assert all_jobs(stage.farm.connection) == []
