from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from farm.client.erase import erase, sweep
from farm.client.submit import read_finished
from farm.coordinator.rebuild import discover
from farm.errors import StoreError
from farm.ledger.values import JobState
from farm.store import keys
from farm.store.memory import MemoryStore

if TYPE_CHECKING:
    from tests.farm.conftest import Stage


def ended(stage: "Stage", name: str = "mugs", **render: Any) -> str:
    """A job that is over, with all that a job may have."""
    job = stage.submit(name, **render).job
    stage.render(job)
    stage.store.put(keys.control(job, 1, "set"), b'{"what":"set"}')
    stage.store.put(keys.table(job, "images", 0), b"x")
    stage.store.put(keys.report(job), b"x")
    stage.end(job, JobState.DONE)
    return job


def test_nothing_of_the_job_is_left(stage: "Stage") -> None:
    """Neither in the store nor in Redis; what others share stays."""
    job, other = ended(stage), ended(stage, "cups")
    stage.store.put("models/shapes-1/model_index.json", b"{}")
    before = [key for key in stage.store.list("") if not key.startswith(keys.job(job))]
    mine = len(list(stage.store.list(keys.job(job))))
    told: list[int] = []
    removed = erase(stage.store, stage.ledger, job, on_objects=told.append)
    assert (removed.job, removed.objects) == (job, mine)
    assert told
    assert list(stage.store.list("")) == before
    assert [each.job_id for each in stage.ledger.jobs()] == [other]
    assert [key for key in stage.ledger.redis.keys(f"{stage.ledger.prefix}:*") if job in key] == []


class Dying(MemoryStore):
    """A store whose user is killed after so many deletions."""

    def __init__(self, objects: dict[str, Any], deletions: int) -> None:
        super().__init__()
        self.objects, self.left = objects, deletions

    def delete(self, keys: Any) -> None:
        """One object at a time, until the end."""
        for key in keys:
            if not self.left:
                raise StoreError("The process is gone.")
            self.left -= 1
            super().delete([key])


def test_wherever_a_removal_breaks_off_the_job_does_not_come_back(stage: "Stage") -> None:
    """After each single deletion: no coordinator opens it, and what is left is marked as over until all of it goes."""
    job = ended(stage)
    objects = erase(stage.store, stage.ledger, job).objects
    for deletions in range(1, objects):
        assert ended(stage) == job
        with pytest.raises(StoreError, match="gone"):
            erase(Dying(stage.store.objects, deletions), stage.ledger, job)
        assert (read_finished(stage.store, job) or {}).get("state") == "done"
        discover(stage.ledger, stage.store, anew=True, beat=lambda: None)
        assert [each.job_id for each in stage.ledger.jobs()] == []
        erase(stage.store, stage.ledger, job)
        assert list(stage.store.list(keys.job(job))) == []


def test_a_job_submitted_over_a_removal_that_broke_off_is_new(stage: "Stage") -> None:
    """What was left of the old one, such as records of pictures that are gone, does not count."""
    job = ended(stage)
    with pytest.raises(StoreError, match="gone"):
        erase(Dying(stage.store.objects, 4), stage.ledger, job)
    again = stage.submit()
    assert (again.job, again.new, again.state) == (job, True, JobState.QUEUED)
    assert [key.removeprefix(keys.job(job)) for key in stage.store.list(keys.job(job))] == ["job.json", "manifest.yaml"]


@given(st.sets(st.sampled_from(["records/a", "images/b", "finished.json", "rows/part-0", "inputs/c", "manifest.yaml"])))
def test_a_sweep_leaves_what_a_submission_writes(found: set[str]) -> None:
    """Another submission of the same job may be at it."""
    store = MemoryStore()
    for name in found:
        store.put(f"jobs/mugs/{name}", b"x")
    store.put("jobs/mugs-2/records/a", b"x")
    sweep(store, "mugs")
    kept = {key.removeprefix("jobs/mugs/") for key in store.list("jobs/mugs/")}
    assert kept == found & {"rows/part-0", "inputs/c", "manifest.yaml"}
    assert store.exists("jobs/mugs-2/records/a")


def test_thousands_of_pictures_go(stage: "Stage") -> None:
    """More than one request deletes."""
    job = ended(stage)
    for number in range(2500):
        stage.store.put(keys.image(job, f"{number}.png"), b"x")
    assert erase(stage.store, stage.ledger, job).objects > 2500
    assert list(stage.store.list(keys.job(job))) == []
