from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from farm.client import Farm
from farm.errors import ManifestError, NoSuchJobError, ServiceError
from farm.ledger.values import JobState

if TYPE_CHECKING:
    from farm.client.watch import Update
    from tests.farm.conftest import Stage

RENDER = {"model": "builtin:shapes", "prompt": ["a red circle", "a blue star"], "steps": [4, 8]}


def test_planning_needs_no_farm() -> None:
    """Neither Redis nor a store is configured here."""
    plan = Farm.plan({"name": "mugs", "render": RENDER}, overrides=["render.seed=1-3"], name="cups")
    assert (plan.images, plan.steps, plan.name) == (12, 72, "cups")


def test_planning_reads_files(tmp_path: Path) -> None:
    """By path, as text or as `Path`; the job is called after its file unless it has a name."""
    path = tmp_path / "mugs.yaml"
    path.write_text("render: {model: 'builtin:shapes', prompt: a red circle, steps: 4}\n")
    assert Farm.plan(path).job_id == Farm.plan(str(path)).job_id
    assert Farm.plan(path).name == "mugs"


def test_a_wrong_manifest_is_a_manifest_error() -> None:
    """With the path of the field."""
    with pytest.raises(ManifestError, match=r"render\.stepz"):
        Farm.plan({"render": {**RENDER, "stepz": 4}})


def test_a_job_from_submit_to_report(stage: "Stage", tmp_path: Path) -> None:
    """What a notebook does."""
    with stage.farm as farm:
        job = farm.submit({"name": "mugs", "render": RENDER}).job
        assert farm.status(job).state is JobState.QUEUED
        stage.render(job)
        stage.end(job, JobState.DONE)
        seen: list[Update] = []
        assert farm.wait(job, on_update=seen.append).state is JobState.DONE
        assert [update.status.state for update in seen] == [JobState.DONE]
        assert farm.fetch(job, tmp_path / "out").images == 4
        assert farm.report(job).totals.images == 4
        assert farm.verify(job).ok
        assert [found.job for found in farm.jobs()] == [job]


def test_waiting_can_be_bounded(stage: "Stage") -> None:
    """The job goes on."""
    job = stage.submit().job
    with pytest.raises(TimeoutError):
        stage.farm.wait(job, timeout=0.05, interval=0.01)
    assert stage.farm.status(job).state is JobState.QUEUED


@pytest.mark.parametrize("method", ["status", "wait", "cancel", "report", "verify"])
def test_no_such_job(stage: "Stage", method: str) -> None:
    """Every method that takes a job says so the same way."""
    with pytest.raises(NoSuchJobError, match="nothing"):
        getattr(stage.farm, method)("nothing")


def test_connecting_reads_the_settings() -> None:
    """As the command line does; what is missing is said at the first question."""
    with Farm.connect() as farm, pytest.raises(ServiceError, match="farm up"):
        farm.jobs()


def test_workers_are_those_that_are_alive(stage: "Stage") -> None:
    """With what each is doing."""
    stage.ledger.register("box-1", {"gpu": "NVIDIA L4"})
    assert [worker.gpu for worker in stage.farm.workers()] == ["NVIDIA L4"]
    stage.ledger.shift_clock(3600)
    assert stage.farm.workers() == []
