import json
from types import SimpleNamespace
from typing import Any, cast

import pytest

from farm.client.status import NOT_LED, Status
from farm.ledger.values import JobState, JobStatus
from farm.manifest.model import Run
from farm.plan.plan import Plan

PLAN = cast("Plan", SimpleNamespace(job_id="mugs-1", name="mugs", images=40, run=Run()))


def ledger_status(**changes: Any) -> JobStatus:
    """A running job of forty images, ten of which are done."""
    values: dict[str, Any] = {
        "job_id": "mugs-1",
        "name": "mugs",
        "state": JobState.RUNNING,
        "reason": None,
        "images": 40,
        "done": 10,
        "failed": 0,
        "running": 8,
        "priority": 50,
        "submitted_at": 900.0,
        "started_at": 1000.0,
        "finished_at": None,
        "gpu_s": 18.0,
        "cost_usd": None,
    }
    return JobStatus(**(values | changes))


def test_json_has_the_documented_fields() -> None:
    """Scripts read these names."""
    document = json.loads(json.dumps(Status.from_ledger(ledger_status(), now=1020.0).to_json()))
    assert document == {
        "job": "mugs-1",
        "name": "mugs",
        "state": "running",
        "reason": None,
        "images": {"total": 40, "done": 10, "failed": 0, "running": 8},
        "started_at": 1000.0,
        "finished_at": None,
        "eta_s": 60.0,
        "late_s": None,
        "gpu_s": 18.0,
        "cost_usd": None,
    }


@pytest.mark.parametrize(
    ("changes", "until"),
    [
        ({"state": JobState.DONE, "finished_at": 1000.0, "keep_days": 2}, 173_800.0),
        ({"state": JobState.DONE, "finished_at": 1000.0}, None),
        ({"keep_days": 2}, None),
    ],
)
def test_a_job_is_kept_from_its_end_on(changes: dict[str, Any], until: float | None) -> None:
    """Nothing is said before; and it is no field of the document."""
    status = Status.from_ledger(ledger_status(**changes), now=1020.0)
    assert status.kept_until == until
    assert "kept_until" not in status.to_json()


def test_time_left_counts_failed_images_as_settled() -> None:
    """Ten done and ten failed of forty in twenty seconds leave twenty seconds."""
    assert Status.from_ledger(ledger_status(failed=10), now=1020.0).eta_s == pytest.approx(20.0)


@pytest.mark.parametrize(
    "changes",
    [{"state": JobState.PAUSED}, {"state": JobState.DONE}, {"started_at": None}, {"done": 0, "failed": 0}],
    ids=["paused", "over", "not started", "nothing done"],
)
def test_time_left_is_not_invented(changes: dict[str, Any]) -> None:
    """Where nothing can be said, nothing is."""
    assert Status.from_ledger(ledger_status(**changes), now=1020.0).eta_s is None


@pytest.mark.parametrize("state", [JobState.QUEUED, JobState.RUNNING])
def test_a_job_that_nobody_leads_says_so(state: JobState) -> None:
    """Whatever the last coordinator said it waited for."""
    known = ledger_status(state=state, reason="No worker is running.")
    status = Status.from_ledger(known, now=1020.0, hindrance=NOT_LED)
    assert "farm coordinator" in str(status.reason)


@pytest.mark.parametrize("state", [JobState.PAUSED, JobState.FAILED, JobState.CANCELLED])
def test_a_job_that_waits_for_nobody_says_why(state: JobState) -> None:
    """A coordinator would change nothing about it."""
    status = Status.from_ledger(ledger_status(state=state, reason="lunch"), now=1020.0, hindrance=NOT_LED)
    assert status.reason == "lunch"


def test_a_finished_job_is_read_from_its_last_object() -> None:
    """Redis may have lost a job that ended; the store has not."""
    document = {
        "state": "failed",
        "reason": "Two images failed.",
        "images": {"total": 40, "done": 38, "failed": 2},
        "started_at": 1.0,
        "finished_at": 2.0,
        "gpu_s": 3.5,
        "cost_usd": 0.25,
    }
    status = Status.from_finished(PLAN, document)
    assert (status.state, status.images.done, status.images.failed) == (JobState.FAILED, 38, 2)
    assert (status.reason, status.gpu_s, status.cost_usd) == ("Two images failed.", 3.5, 0.25)


def test_a_finished_object_needs_no_more_than_a_state() -> None:
    """What an older coordinator did not write is left open, not an error."""
    status = Status.from_finished(PLAN, {"state": "cancelled"})
    assert (status.state, status.images.total, status.gpu_s) == (JobState.CANCELLED, 40, 0.0)


def test_a_job_that_only_has_a_plan_waits() -> None:
    """A plan in the store is a job, also before any ledger knows it."""
    status = Status.from_plan(PLAN)
    assert (status.state, status.images.total) == (JobState.QUEUED, 40)
    assert "coordinator" in str(status.reason)


def test_a_job_says_at_once_that_it_will_be_late() -> None:
    """A minute is left and the deadline is in 20 seconds: 40 seconds late, before it happens."""
    running = Status.from_ledger(ledger_status(finish_by=1040.0), now=1020.0)
    assert running.eta_s == pytest.approx(60.0)
    assert running.late_s == pytest.approx(40.0)
    assert Status.from_ledger(ledger_status(finish_by=5000.0), now=1020.0).late_s == 0.0
