import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from farm.client.control import Verb, append
from farm.coordinator.rebuild import bitmap, discover, gaps, restore
from farm.ledger.values import GroupEntry, JobState
from farm.plan.ranges import WorkRange
from farm.profile.fold import fold
from farm.profile.outcome import Outcome, Token
from farm.store import keys
from farm.store.keys import RecordName

Stage = Any


def rebuild(stage: Stage) -> str:
    """Empty Redis and read everything from the store; the new epoch."""
    stage.ledger.redis.flushall()
    epoch, _ = stage.ledger.ensure_epoch()
    discover(stage.ledger, stage.store, anew=True, beat=lambda: None)
    for job_id in stage.ledger.active():
        restore(stage.ledger, stage.store, job_id, epoch)
    return str(epoch)


def test_rendered_images_are_rendered_after_a_rebuild(stage: Stage) -> None:
    """The names of the records are enough: no picture is made twice."""
    job = stage.submit(seed="1-8").job
    before = stage.ledger.entry(job)
    stage.render(job, 5)
    stage.lease(job, 4)
    stage.render(job, 3)
    started = stage.ledger.status(job).started_at
    rebuild(stage)
    status = stage.ledger.status(job)
    assert (status.done, status.failed, status.images, status.state) == (8, 0, 16, JobState.QUEUED)
    assert status.started_at == pytest.approx(started, abs=1e-3)
    after = stage.ledger.entry(job)
    assert (after.groups, after.range_size) == (before.groups, before.range_size)
    sent = []
    while rng := stage.ledger.dispatch(job, 0, 32):
        sent.append((rng.start, rng.stop))
    assert sent == [(5, 9), (12, 16)]


def test_only_rendered_records_count(stage: Stage) -> None:
    """Failed, lost and returned attempts leave their positions to be rendered."""
    job = stage.submit().job
    lease = stage.lease(job, 4)
    stage.write(stage.record(lease, Outcome.FAILED), lease)
    rebuild(stage)
    assert stage.ledger.status(job).done == 0
    assert stage.ledger.loads(job)[0].waiting == 4


def test_what_a_job_was_told_survives(stage: Stage) -> None:
    """Pause, priority and quarantine are read again."""
    from farm.coordinator.controls import append_quarantine

    job = stage.submit().job
    stage.render(job, 1)
    stage.farm.tell(job, Verb.PAUSE)
    stage.farm.tell(job, Verb.SET, {"priority": 80})
    append_quarantine(stage.store, job, {3: "It is black."}, number=3, at=1.0)
    rebuild(stage)
    status = stage.ledger.status(job)
    assert (status.state, status.priority, status.failed, status.done) == (JobState.PAUSED, 80, 1, 1)
    assert "farm resume" in status.reason
    assert stage.ledger.failures(job) == {3: "It is black."}
    assert stage.ledger.loads(job)[0].waiting == 2


def test_how_long_a_job_is_kept_survives(stage: Stage) -> None:
    """What its manifest said, unless somebody said otherwise, after its end too; damage there hides no ended job."""
    first = stage.farm.submit({"name": "a", "render": stage.render_fields(), "run": {"keep_days": 7}}).job
    second = stage.farm.submit({"name": "b", "render": stage.render_fields(), "run": {"keep_days": 7}}).job
    for job in (first, second):
        stage.render(job)
        stage.end(job, JobState.DONE)
    stage.farm.tell(second, Verb.SET, {"keep_days": None})
    rebuild(stage)
    assert [stage.ledger.status(job).keep_days for job in (first, second)] == [7, None]
    stage.store.put(keys.control(second, 1, "set"), b"{")
    rebuild(stage)
    assert stage.ledger.status(second).state is JobState.DONE


def test_a_cancelled_job_stays_cancelled(stage: Stage) -> None:
    """Cancel is read before anything is sent."""
    job = stage.submit().job
    stage.farm.cancel(job)
    rebuild(stage)
    assert stage.ledger.status(job).state is JobState.CANCELLED


def test_a_picture_outranks_its_quarantine(stage: Stage) -> None:
    """A record that came after the task was given up counts."""
    from farm.coordinator.controls import append_quarantine

    job = stage.submit().job
    append_quarantine(stage.store, job, {0: "It is black."}, number=1, at=1.0)
    stage.render(job, 2)
    rebuild(stage)
    status = stage.ledger.status(job)
    assert (status.done, status.failed) == (2, 0)


def test_a_job_that_is_over_comes_back_as_it_ended(stage: Stage) -> None:
    """The list shows it with its counts and cost; nothing of it runs, and a retry reads its bits."""
    job = stage.submit().job
    stage.render(job, 3)
    ended = {
        "state": "failed",
        "reason": "1 of 4 images failed: It is black.",
        "images": {"total": 4, "done": 3, "failed": 1},
        "submitted_at": 10.0,
        "started_at": 11.0,
        "finished_at": 99.0,
        "gpu_s": 1.5,
        "cost_usd": 0.25,
    }
    stage.store.put(keys.finished(job), json.dumps(ended).encode())
    rebuild(stage)
    status = stage.ledger.status(job)
    assert stage.ledger.active() == []
    assert (status.state, status.done, status.failed, status.reason) == ("failed", 3, 1, ended["reason"])
    assert (status.submitted_at, status.started_at, status.finished_at) == (10.0, 11.0, 99.0)
    assert (status.gpu_s, status.cost_usd) == (1.5, 0.25)
    assert stage.farm.tell(job, Verb.RETRY) == 1
    restore(stage.ledger, stage.store, job, stage.ledger.epoch())
    status = stage.ledger.status(job)
    assert (status.state, status.done, status.failed) == (JobState.RUNNING, 3, 0)
    assert stage.ledger.loads(job)[0].waiting == 1


def test_a_job_that_is_half_removed_does_not_come_back(stage: Stage) -> None:
    """Its plan goes first: whatever else is still there, and whatever Redis remembers of it."""
    job = stage.submit().job
    stage.render(job)
    stage.end(job, JobState.DONE)
    stage.store.delete([keys.plan(job), keys.finished(job)])
    discover(stage.ledger, stage.store, anew=True, beat=lambda: None)
    assert stage.ledger.active() == []
    rebuild(stage)
    assert stage.ledger.jobs() == []


def test_a_submission_that_was_cut_short_is_no_job(stage: Stage) -> None:
    """Without its plan, which is written last, a folder is not a job."""
    stage.store.put(keys.manifest("half-1"), b"name: half")
    assert discover(stage.ledger, stage.store, anew=True, beat=lambda: None) == 0


@pytest.mark.parametrize("damage", [b"", b"{}", b"[]", b'{"version": 99, "sha256": ""}'])
def test_a_damaged_plan_stops_no_other_job(stage: Stage, damage: bytes) -> None:
    """The job is passed over, those beside it are opened."""
    broken, fine = stage.submit().job, stage.submit(seed="7-9").job
    stage.store.put(keys.plan(broken), damage)
    rebuild(stage)
    assert stage.ledger.active() == [fine]


def test_a_damaged_control_object_stops_no_other_job(stage: Stage) -> None:
    """What the job was told cannot be known, so nothing of it is begun."""
    broken, fine = stage.submit().job, stage.submit(seed="7-9").job
    stage.store.put(keys.control(broken, 1, "quarantine"), b'{"what": "quarantine"}')
    rebuild(stage)
    assert stage.ledger.active() == [fine]


@pytest.mark.parametrize("damage", [b"", b"{}", b"[]", b'{"state": "eaten"}'])
def test_a_job_whose_end_is_damaged_ends_again(stage: Stage, damage: bytes) -> None:
    """All of it follows from the records: it is read as a job that is not over."""
    job = stage.submit().job
    stage.render(job)
    stage.store.put(keys.finished(job), damage)
    rebuild(stage)
    assert stage.ledger.active() == [job]
    assert stage.ledger.status(job).done == 4


def test_known_jobs_are_left_alone(stage: Stage) -> None:
    """After a restart over the append-only file there is nothing to open; the lock is kept all the while."""
    stage.submit()
    beats: list[int] = []
    assert discover(stage.ledger, stage.store, anew=True, beat=lambda: beats.append(1)) == 0
    assert beats == [1]


def test_a_job_that_was_retried_before_redis_lost_a_second_runs_again(stage: Stage) -> None:
    """The append-only file ends before the retry: the ledger says failed, and the store has no end of the job."""
    job = stage.submit(seed="1-8").job
    stage.fail(job)
    stage.render(job, 4)
    stage.end(job, JobState.FAILED)
    before = stage.ledger.status(job)
    append(stage.store, job, Verb.RETRY, {}, number=1)
    stage.store.delete([keys.finished(job)])
    assert discover(stage.ledger, stage.store, anew=False, beat=lambda: None) == 0
    assert discover(stage.ledger, stage.store, anew=True, beat=lambda: None) == 1
    assert stage.ledger.active() == [job]
    assert restore(stage.ledger, stage.store, job, stage.ledger.epoch())
    status = stage.ledger.status(job)
    assert (status.done, status.failed, status.submitted_at) == (4, 0, before.submitted_at)


def test_a_new_job_keeps_its_cursors(stage: Stage) -> None:
    """Nothing is in the store of a job that was just submitted."""
    job = stage.submit().job
    assert not restore(stage.ledger, stage.store, job, "e1")
    assert stage.ledger.restored(job) == "e1"
    assert stage.ledger.loads(job)[0].waiting == 4
    assert not restore(stage.ledger, stage.store, "nothing", "e1")
    assert stage.ledger.status("nothing") is None


intervals = (
    st.lists(st.integers(0, 200), max_size=8, unique=True)
    .map(sorted)
    .map(lambda edges: list(zip(edges[::2], edges[1::2], strict=False)))
)


@given(intervals)
def test_the_bitmap_has_a_bit_per_position(done: list[tuple[int, int]]) -> None:
    """As the ledger's own: the first position is the highest bit of the first byte."""
    bits = bitmap(done, 201)
    inside = {position for start, stop in done for position in range(start, stop)}
    assert {place for place in range(201) if bits[place // 8] & (0x80 >> place % 8)} == inside
    assert len(bits) == 26


@given(intervals, st.sets(st.integers(0, 200)))
def test_gaps_are_what_is_left(done: list[tuple[int, int]], failed: set[int]) -> None:
    """Every position is rendered, given up, or in exactly one gap, and no gap leaves its group."""
    token = Token("1x0", 1)
    folded = fold(RecordName(WorkRange("mugs", *span), token, Outcome.RENDERED) for span in done)
    failed = {position for position in failed if position not in folded}
    groups = [GroupEntry(0, 0, 77, "red"), GroupEntry(1, 77, 201, "blue")]
    found = list(gaps(folded, groups, failed))
    left = [position for start, stop in found for position in range(start, stop)]
    assert sorted(left) == [place for place in range(201) if place not in folded and place not in failed]
    assert all(any(g.start <= start < stop <= g.stop for g in groups) for start, stop in found)
