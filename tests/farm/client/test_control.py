import json
from typing import TYPE_CHECKING

import pytest

from farm.client.control import Verb, append, next_number, read_setting
from farm.errors import UsageError
from farm.ledger.values import JobState
from farm.store import keys
from farm.store.memory import MemoryStore

if TYPE_CHECKING:
    from tests.farm.conftest import Stage


def test_control_objects_are_numbered_in_order() -> None:
    """A rebuild replays them by their numbers, so no two share one."""
    store = MemoryStore()
    for number, verb in enumerate((Verb.PAUSE, Verb.RESUME, Verb.CANCEL), start=1):
        append(store, "mugs", verb, {}, number=number, clock=1.0)
    found = [keys.parse_control(key) for key in store.list(keys.controls("mugs"))]
    assert found == [(1, "pause"), (2, "resume"), (3, "cancel")]


def test_two_that_speak_at_once_have_a_number_each(stage: "Stage") -> None:
    """Neither's object replaces the other's, though both saw the same list."""
    job = stage.submit().job
    assert [next_number(stage.store, stage.ledger, job) for _ in range(2)] == [1, 2]
    append(stage.store, job, Verb.SET, {"priority": 1}, number=2)
    assert next_number(stage.store, stage.ledger, job) == 3


def test_numbers_go_on_where_the_store_ends(stage: "Stage") -> None:
    """Redis may have lost its count."""
    job = stage.submit().job
    append(stage.store, job, Verb.SET, {"priority": 1}, number=7)
    assert [next_number(stage.store, stage.ledger, job) for _ in range(2)] == [8, 9]
    stage.ledger.redis.flushall()
    assert next_number(stage.store, stage.ledger, job) == 8
    assert stage.ledger.status(job) is None


def test_a_control_object_holds_what_was_said_and_when() -> None:
    """Values of `set` travel in it."""
    store = MemoryStore()
    key = append(store, "mugs", Verb.SET, {"priority": 80}, number=1, clock=5.0)
    assert json.loads(store.get(key)) == {"what": "set", "at": 5.0, "priority": 80}


def test_pause_and_resume(stage: "Stage") -> None:
    """A paused job sends nothing out until it is resumed."""
    job = stage.submit().job
    stage.farm.tell(job, Verb.PAUSE)
    assert stage.farm.status(job).state is JobState.PAUSED
    assert "resume" in str(stage.farm.status(job).reason)
    assert stage.ledger.dispatch(job, 0, 8) is None
    stage.farm.tell(job, Verb.RESUME)
    assert stage.farm.status(job).state is JobState.QUEUED
    assert stage.ledger.dispatch(job, 0, 8) is not None


def test_the_store_hears_before_the_ledger(stage: "Stage", monkeypatch: pytest.MonkeyPatch) -> None:
    """What Redis never heard is still there for the rebuild."""
    job = stage.submit().job

    def away(*_: object, **__: object) -> None:
        raise ConnectionError

    monkeypatch.setattr(stage.ledger, "set_control", away)
    with pytest.raises(ConnectionError):
        stage.farm.cancel(job)
    assert [keys.parse_control(key) for key in stage.store.list(keys.controls(job))] == [(1, "cancel")]


def test_cancel_ends_a_job(stage: "Stage") -> None:
    """Nothing more is sent out, and the state says whose word it was."""
    job = stage.submit().job
    stage.farm.cancel(job)
    status = stage.farm.status(job)
    assert (status.state, status.reason) == (JobState.CANCELLED, "Cancelled by its user.")
    assert stage.ledger.dispatch(job, 0, 8) is None


@pytest.mark.parametrize("verb", [Verb.PAUSE, Verb.RESUME, Verb.CANCEL, Verb.SET])
def test_a_job_that_is_over_cannot_be_told(stage: "Stage", verb: Verb) -> None:
    """The sentence names the job and how it ended; nothing is written."""
    job = stage.submit().job
    stage.render(job)
    stage.end(job, JobState.DONE)
    with pytest.raises(UsageError, match=rf"{job} is over \(done\)"):
        stage.farm.tell(job, verb)
    assert list(stage.store.list(keys.controls(job))) == []


def test_how_long_a_job_is_kept_changes_after_its_end(stage: "Stage") -> None:
    """That is when people know; the ledger holds it, and the store for a rebuild."""
    job = stage.submit().job
    stage.render(job)
    stage.end(job, JobState.DONE)
    stage.farm.tell(job, Verb.SET, read_setting("run.keep_days=3"))
    status = stage.ledger.status(job)
    assert status is not None
    assert (status.state, status.keep_days) == (JobState.DONE, 3)
    stage.farm.tell(job, Verb.SET, read_setting("run.keep_days=none"))
    status = stage.ledger.status(job)
    assert status is not None
    assert status.keep_days is None
    assert [json.loads(stage.store.get(key))["keep_days"] for key in stage.store.list(keys.controls(job))] == [3, None]


def test_retry_sends_back_only_what_failed(stage: "Stage") -> None:
    """One of four images failed: one goes back to work, and the job runs again."""
    job = stage.submit().job
    stage.fail(job)
    stage.render(job)
    stage.end(job, JobState.FAILED)
    assert stage.farm.tell(job, Verb.RETRY) == 1
    status = stage.farm.status(job)
    assert (status.state, status.images.done, status.images.failed) == (JobState.RUNNING, 3, 0)
    assert not stage.store.exists(keys.finished(job))
    assert len(stage.lease(job).range) == 1


def test_there_is_nothing_to_retry_without_failures(stage: "Stage") -> None:
    """A job without failures is left alone."""
    job = stage.submit().job
    with pytest.raises(UsageError, match="Nothing failed"):
        stage.farm.tell(job, Verb.RETRY)


def test_a_cancelled_job_is_not_retried(stage: "Stage") -> None:
    """It was ended on purpose; the sentence says how to have it anew."""
    job = stage.submit().job
    stage.farm.cancel(job)
    with pytest.raises(UsageError, match="--again"):
        stage.farm.tell(job, Verb.RETRY)


def test_set_changes_a_running_job(stage: "Stage") -> None:
    """The ledger and the control object both hold the new priority."""
    job = stage.submit().job
    stage.farm.tell(job, Verb.SET, read_setting("run.priority=80"))
    entry = stage.ledger.entry(job)
    assert entry is not None
    assert entry.priority == 80
    assert json.loads(stage.store.get(keys.control(job, 1, "set")))["priority"] == 80


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("run.priority=0", {"priority": 0}),
        ("priority = 100", {"priority": 100}),
        ("run.max_attempts=5", {"max_attempts": 5}),
        ("run.keep_days=14", {"keep_days": 14}),
        ("keep_days=none", {"keep_days": None}),
    ],
)
def test_settings_are_read(text: str, values: dict[str, int | None]) -> None:
    """`run.` may be left out, spaces may be there."""
    assert read_setting(text) == values


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("run.priority", "KEY=VALUE"),
        ("run.priority=high", "whole number from 0 to 100"),
        ("run.priority=101", "'101' is not"),
        ("run.priority=-1", "'-1' is not"),
        ("run.priority=\u00b2", "whole number"),
        ("run.max_attempts=0", "whole number from 1"),
        ("run.max_attempts=none", "from 1 to 100, and 'none' is not"),
        ("run.keep_days=0", "from 1 to 36500 or none, and '0' is not"),
        ("run.priority=" + "9" * 5000, "whole number from 0 to 100"),
        ("render.steps=20", "'render.steps' cannot change"),
        ("run.batch=4", "'run.batch' cannot change"),
    ],
)
def test_wrong_settings_are_refused_by_name(text: str, named: str) -> None:
    """Only some of `run` may change while a job runs."""
    with pytest.raises(UsageError, match=named):
        read_setting(text)
