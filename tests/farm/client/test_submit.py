import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from farm.client.submit import entry, read_plan
from farm.errors import ManifestError, StoreError
from farm.ledger.values import JobState
from farm.store import keys

if TYPE_CHECKING:
    from tests.farm.conftest import Stage


def test_submit_writes_the_plan_last(stage: "Stage", monkeypatch: pytest.MonkeyPatch) -> None:
    """A job exists when its plan does, so everything else must be there before."""
    written: list[str] = []
    put = stage.store.put

    def noted(key: str, data: bytes, **options: Any) -> None:
        written.append(key)
        put(key, data, **options)

    monkeypatch.setattr(stage.store, "put", noted)
    job = stage.submit()
    assert written[-1] == keys.plan(job.job)
    assert keys.manifest(job.job) in written
    assert (job.new, job.images, job.state) == (True, 4, JobState.QUEUED)


def test_the_ledger_knows_a_submitted_job(stage: "Stage") -> None:
    """All images, all groups, and the settings of `run`."""
    job = stage.farm.submit({"name": "mugs", "render": stage.render_fields(), "run": {"priority": 70}}).job
    known = stage.ledger.entry(job)
    assert known == entry(read_plan(stage.store, job), submitted_at=known.submitted_at if known else 0.0)
    assert known is not None
    assert (known.images, known.priority) == (4, 70)


def test_the_same_manifest_twice_is_one_job(stage: "Stage") -> None:
    """The second submission says so, changes nothing, and says how far the first one is."""
    first = stage.submit()
    stage.render(first.job)
    second = stage.submit()
    assert (second.job, second.new, second.state) == (first.job, False, JobState.RUNNING)
    assert len(stage.ledger.jobs()) == 1


def test_another_run_section_is_the_same_job(stage: "Stage") -> None:
    """How a job runs is not what it draws; the submission says that only `run` differs."""
    first = stage.submit()
    second = stage.farm.submit({"name": "mugs", "render": stage.render_fields(), "run": {"priority": 90}})
    assert (second.job, second.new, second.run_differs) == (first.job, False, True)
    assert not stage.submit().run_differs


def test_again_makes_a_new_job_every_time(stage: "Stage") -> None:
    """The first keeps the plain id, the next ones count."""
    manifest = {"name": "mugs", "render": stage.render_fields()}
    jobs = [stage.farm.submit(manifest, again=True) for _ in range(3)]
    first = jobs[0].job
    assert [job.job for job in jobs] == [first, f"{first}-2", f"{first}-3"]
    assert all(job.new for job in jobs)
    assert read_plan(stage.store, f"{first}-3").job_id == f"{first}-3"


def test_a_submit_that_was_killed_leaves_no_job(stage: "Stage", monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed before the plan there is nothing; submitted again there is a whole job."""
    put = stage.store.put

    def killed(key: str, data: bytes, **options: Any) -> None:
        if key.endswith("job.json"):
            raise StoreError("The connection broke.")
        put(key, data, **options)

    with monkeypatch.context() as patch:
        patch.setattr(stage.store, "put", killed)
        with pytest.raises(StoreError):
            stage.submit()
    assert stage.farm.jobs() == []
    assert stage.submit().new


def test_a_submit_killed_before_the_ledger_is_completed_by_the_next(stage: "Stage") -> None:
    """The plan is there and Redis never heard: the same manifest opens the job."""
    job = stage.submit().job
    stage.ledger.redis.flushall()
    again = stage.submit()
    assert (again.job, again.new, again.state) == (job, False, JobState.QUEUED)
    assert stage.ledger.status(job) is not None


def test_a_finished_job_is_not_opened_again(stage: "Stage") -> None:
    """Redis forgot it, the store has its end: the second submission does no work."""
    job = stage.submit().job
    stage.render(job)
    stage.end(job, JobState.DONE)
    stage.ledger.redis.flushall()
    assert stage.submit().state is JobState.DONE
    assert stage.ledger.status(job) is None


def test_a_damaged_plan_is_written_anew(stage: "Stage") -> None:
    """The same manifest repairs the job; what runs on under the plan that workers know goes on."""
    job = stage.submit().job
    stage.render(job, 2)
    stage.store.put(keys.plan(job), b"{}")
    again = stage.submit()
    assert (again.job, again.new, again.state) == (job, True, JobState.RUNNING)
    assert read_plan(stage.store, job).images == 4


def test_an_end_that_is_damaged_is_none(stage: "Stage") -> None:
    """The job is opened again, and a coordinator ends it again."""
    job = stage.submit().job
    stage.end(job, JobState.DONE)
    stage.store.put(keys.finished(job), b"")
    stage.ledger.redis.flushall()
    assert stage.farm.status(job).state is JobState.QUEUED
    assert stage.submit().state is JobState.QUEUED


def test_a_manifest_file_is_kept_as_it_was_written(stage: "Stage", tmp_path: Path) -> None:
    """Comments and all."""
    path = tmp_path / "m.yaml"
    text = "# for Zoë\nname: mugs\nrender: {model: 'builtin:shapes', prompt: a red circle, steps: 4}\n"
    path.write_text(text, encoding="utf-8")
    job = stage.farm.submit(path).job
    assert stage.store.get(keys.manifest(job)).decode() == text


def test_a_manifest_from_python_is_kept_as_json(stage: "Stage") -> None:
    """JSON is YAML, so it can be submitted again as it is."""
    job = stage.submit().job
    assert json.loads(stage.store.get(keys.manifest(job)))["name"] == "mugs"


def test_a_wrong_manifest_submits_nothing(stage: "Stage") -> None:
    """The store stays empty."""
    with pytest.raises(ManifestError):
        stage.submit(stepps=4)
    assert stage.store.objects == {}


def test_json_has_the_documented_fields(stage: "Stage") -> None:
    """Scripts read these names."""
    job = stage.submit()
    assert json.loads(json.dumps(job.to_json())) == {"job": job.job, "images": 4, "state": "queued"}
