import json
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from farm.client.submit import entry, read_plan, source
from farm.errors import ManifestError, StoreError
from farm.ledger.values import JobState
from farm.plan import rows
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


def table(folder: Path, rows: int) -> Path:
    """A file of prompts."""
    path = folder / "mugs.jsonl"
    path.write_text(
        "\n".join(json.dumps({"prompt": f"mug {row}", "seed": row}) for row in range(rows)), encoding="utf-8"
    )
    return path


def test_the_parts_of_a_table_are_made_once_and_written_before_the_plan(
    stage: "Stage", monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Each is sent as it is made, and no more than a few are there at a time."""
    monkeypatch.setattr(rows, "PART", 100)
    waiting, most, encode, put = Counter[str](), [], rows._encoded, stage.store.put

    def made(*place: Any) -> bytes:
        waiting["parts"] += 1
        most.append(waiting["parts"] - waiting["sent"])
        return encode(*place)

    def sent(key: str, data: bytes, **options: Any) -> None:
        time.sleep(0.002)
        put(key, data, **options)
        waiting["sent"] += "/rows/" in key
        waiting[key] += 1

    monkeypatch.setattr(rows, "_encoded", made)
    monkeypatch.setattr(stage.store, "put", sent)
    job = stage.farm.submit(table(tmp_path, 3000), overrides=["render.model=builtin:shapes"]).job
    parts = [keys.rows(job, number) for number in range(30)]
    assert [waiting[key] for key in (*parts, keys.plan(job))] == [1] * 31
    assert waiting["parts"] == 30
    assert max(most) <= 7
    assert list(waiting)[-1] == keys.plan(job)
    assert read_plan(stage.store, job).task(2999).prompt == "mug 2999"
    assert stage.store.get(keys.manifest(job)) == (tmp_path / "mugs.jsonl").read_bytes()


def test_a_store_that_fails_in_the_middle_leaves_no_job(
    stage: "Stage", monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The error is that of the store; submitted again, the job is whole."""
    monkeypatch.setattr(rows, "PART", 100)
    put = stage.store.put

    def broken(key: str, data: bytes, **options: Any) -> None:
        if key.endswith("part-17.parquet"):
            raise StoreError("The connection broke.")
        put(key, data, **options)

    path, overrides = table(tmp_path, 3000), ["render.model=builtin:shapes"]
    with monkeypatch.context() as patch:
        patch.setattr(stage.store, "put", broken)
        with pytest.raises(StoreError, match="The connection broke"):
            stage.farm.submit(path, overrides=overrides)
    assert stage.farm.jobs() == []
    assert stage.farm.submit(path, overrides=overrides).new


def test_a_table_with_a_bad_last_row_submits_nothing(stage: "Stage", tmp_path: Path) -> None:
    """What was right before it is not written either."""
    path = table(tmp_path, 2000)
    path.write_text(path.read_text(encoding="utf-8") + '\n{"prompt": 7}', encoding="utf-8")
    with pytest.raises(ManifestError, match=r"mugs\.jsonl:2001: prompt: must be text"):
        stage.farm.submit(path, overrides=["render.model=builtin:shapes"])
    assert stage.store.objects == {}


def test_a_file_that_goes_away_is_a_sentence(tmp_path: Path) -> None:
    """Between the plan and the upload."""
    with pytest.raises(ManifestError, match=r"gone\.jsonl: cannot be read any more: No such file"):
        list(source(tmp_path / "gone.jsonl"))
