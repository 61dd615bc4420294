import json
from typing import TYPE_CHECKING

import pytest

from farm.ledger.values import JobState
from farm.store import keys

if TYPE_CHECKING:
    from tests.farm.cli.conftest import Run
    from tests.farm.conftest import Stage


def test_no_jobs_yet(here: "Stage", run: "Run") -> None:
    """A new farm says what to do first."""
    assert here.ledger.jobs() == []
    said = run("list")
    assert (said.code, "farm submit" in said.out) == (0, True)
    assert json.loads(run("list", "--json").out) == []


def test_jobs_are_listed(here: "Stage", run: "Run") -> None:
    """One line each: id, state, how many images of how many."""
    job = here.submit().job
    here.render(job, 2)
    line = run("list").out.splitlines()[1]
    assert line.split()[:5] == [job, "running", "2", "of", "4"]
    assert [found["job"] for found in json.loads(run("list", "--json").out)] == [job]


def test_status_says_how_a_job_is_doing(here: "Stage", run: "Run") -> None:
    """State, images and GPU time; a price only where there is one."""
    job = here.submit().job
    here.render(job, 2)
    said = run("status", job)
    assert said.code == 0
    assert f"{job}  running  2 of 4 images (50 %)" in said.out
    assert "GPU time 2.0 s" in said.out
    assert "cost" not in said.out


def test_status_as_json_is_what_scripts_read(here: "Stage", run: "Run") -> None:
    """The names are DESIGN's."""
    job = here.submit().job
    document = json.loads(run("status", job, "--json").out)
    assert list(document) == [
        "job", "name", "state", "reason", "images", "started_at", "finished_at", "eta_s", "late_s", "gpu_s", "cost_usd",
    ]  # fmt: skip
    assert document["images"] == {"total": 4, "done": 0, "failed": 0, "running": 0}
    assert (document["state"], document["cost_usd"]) == ("queued", None)


def test_failures_and_reasons_are_said(here: "Stage", run: "Run") -> None:
    """Whoever looks sees that something failed, and why a job waits."""
    job = here.submit().job
    here.fail(job)
    assert "0 of 4, 1 failed images" in run("status", job).out
    run("pause", job)
    assert "Paused by its user" in run("status", job).out


@pytest.mark.parametrize("command", ["status", "pause", "resume", "cancel", "retry", "watch", "report", "verify"])
def test_no_such_job_exits_4(here: "Stage", run: "Run", command: str) -> None:
    """One sentence that says where to look."""
    assert here.ledger.jobs() == []
    said = run(command, "nothing")
    assert (said.code, said.out) == (4, "")
    assert said.err == "farm: There is no job 'nothing': `farm list` shows the jobs of this farm.\n"


def test_pause_resume_and_cancel(here: "Stage", run: "Run") -> None:
    """Each says what it did, by any name of the job, and leaves its object in the store."""
    job = here.submit().job
    for command, state in (("pause", JobState.PAUSED), ("resume", JobState.QUEUED), ("cancel", JobState.CANCELLED)):
        said = run(command, "mugs")
        assert (said.code, said.err) == (0, "")
        assert job in said.out
        assert here.farm.status(job).state is state
    assert [keys.parse_control(key) for key in here.store.list(keys.controls(job))] == [
        (1, "pause"), (2, "resume"), (3, "cancel"),
    ]  # fmt: skip


@pytest.mark.parametrize("command", ["pause", "resume", "cancel"])
def test_a_job_that_is_over_is_left_alone(here: "Stage", run: "Run", command: str) -> None:
    """Exit code 2 and a sentence that says how it ended."""
    job = here.submit().job
    here.render(job)
    here.end(job, JobState.DONE)
    said = run(command, job)
    assert said.code == 2
    assert said.err == f"farm: Job {job} is over (done): it cannot be told to {command}.\n"


def test_retry_says_how_many_go_back(here: "Stage", run: "Run") -> None:
    """Only what failed."""
    job = here.submit().job
    here.fail(job)
    assert run("retry", job).out == f"Job {job}: 1 image back to work.\n"
    said = run("retry", job)
    assert (said.code, "Nothing failed" in said.err) == (2, True)


def test_set_changes_the_priority(here: "Stage", run: "Run") -> None:
    """And says so."""
    job = here.submit().job
    said = run("set", job, "run.priority=80")
    assert (said.code, said.out) == (0, f"Job {job}: run.priority is 80.\n")
    entry = here.ledger.entry(job)
    assert entry is not None
    assert entry.priority == 80


@pytest.mark.parametrize("setting", ["render.steps=4", "run.priority", "run.priority=200", "run.batch=2"])
def test_set_refuses_what_cannot_change(here: "Stage", run: "Run", setting: str) -> None:
    """Nothing is written."""
    job = here.submit().job
    said = run("set", job, setting)
    assert (said.code, said.out) == (2, "")
    assert list(here.store.list(keys.controls(job))) == []


def test_status_says_until_when_a_job_is_kept(here: "Stage", run: "Run") -> None:
    """Once it is over; and how to keep it longer, which works."""
    job = here.submit().job
    assert run("set", job, "run.keep_days=3").out == f"Job {job}: run.keep_days is 3.\n"
    assert "Removed" not in run("status", job).out
    here.render(job)
    here.end(job, JobState.DONE)
    assert f"or soon after: `farm set {job} run.keep_days=none` keeps it." in run("status", job).out
    assert run("set", job, "run.keep_days=none").out == f"Job {job}: run.keep_days is none.\n"
    assert "Removed" not in run("status", job).out
