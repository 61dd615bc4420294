import time
from collections.abc import Callable
from typing import Any

import pytest

from farm.ledger.values import GroupEntry, JobState

Moves = Any


def fail_task(moves: Moves, sentence: str = "black") -> int:
    """Quarantine the next task of the first group; its position."""
    lease = moves.lease(1)
    (position,) = moves.ledger.fail(lease, failed=[(lease.range.start, lease.range.stop)], worker="w1", error=sentence)
    return int(position)


def test_pause_and_resume(opened: Moves) -> None:
    """A paused job says why, and goes on where it was: queued when nothing had begun."""
    ledger, job = opened.ledger, opened.job_id
    assert ledger.set_control(job, state=JobState.PAUSED, reason="lunch") is JobState.PAUSED
    assert ledger.status(job).reason == "lunch"
    assert ledger.set_control(job, state=JobState.RUNNING) is JobState.QUEUED
    assert ledger.status(job).reason is None
    opened.lease()
    ledger.set_control(job, state=JobState.PAUSED)
    assert ledger.set_control(job, state=JobState.RUNNING) is JobState.RUNNING


def test_cancel_is_the_last_word(opened: Moves) -> None:
    """A cancelled job cannot be resumed, and knows when it ended."""
    ledger, job = opened.ledger, opened.job_id
    ledger.set_control(job, state=JobState.CANCELLED, reason="Cancelled by its user.")
    assert ledger.set_control(job, state=JobState.RUNNING) is JobState.CANCELLED
    status = ledger.status(job)
    assert status.reason == "Cancelled by its user."
    assert status.finished_at is not None


def test_settings_change_while_a_job_runs(opened: Moves) -> None:
    """Priority and attempts are control, not identity."""
    opened.ledger.set_control(opened.job_id, priority=80, max_attempts=1, min_vram_gb=None)
    entry = opened.ledger.entry(opened.job_id)
    assert (entry.priority, entry.max_attempts, entry.min_vram_gb) == (80, 1, None)
    assert opened.ledger.status(opened.job_id).state is JobState.QUEUED


def test_a_waiting_job_says_why(opened: Moves) -> None:
    """The sentence goes when there is nothing to wait for, and never hides why a job is paused."""
    ledger, job = opened.ledger, opened.job_id
    ledger.set_waiting(job, "No worker is running.")
    assert ledger.status(job).reason == "No worker is running."
    ledger.set_control(job, state=JobState.PAUSED, reason="lunch")
    assert ledger.status(job).reason == "lunch"
    ledger.set_control(job, state=JobState.RUNNING)
    ledger.set_waiting(job, None)
    assert ledger.status(job).reason is None
    ledger.set_waiting("nothing", "no such job")
    assert ledger.status("nothing") is None


def test_a_blocked_group_counts_as_failed_once(opened: Moves) -> None:
    """A model that cannot load is one sentence, not one failure per image, and the other group goes on."""
    opened.send(8)
    ledger, job = opened.ledger, opened.job_id
    assert ledger.block_group(job, 0, "The weights are corrupt.") == 20
    assert ledger.block_group(job, 0, "The weights are corrupt.") == 0
    status = ledger.status(job)
    assert (status.failed, status.reason) == (20, "The weights are corrupt.")
    assert ledger.blocked(job) == {0: "The weights are corrupt."}
    assert ledger.dispatch(job, 0, 8) is None
    assert ledger.loads(job)[0].blocked
    assert opened.send(8, 1).start == 20


def test_a_blocked_group_keeps_what_it_has(opened: Moves) -> None:
    """Rendered images stay rendered; one that is committed late counts as done, not as failed."""
    first, second = opened.lease(4), opened.lease(4)
    opened.commit(first)
    assert opened.ledger.block_group(opened.job_id, 0, "corrupt") == 16
    opened.commit(second)
    status = opened.ledger.status(opened.job_id)
    assert (status.done, status.failed) == (8, 12)


def test_a_task_that_failed_before_its_group_was_blocked_counts_once(opened: Moves, beat: Callable[..., None]) -> None:
    """Failed and blocked add up to the job's images, and a late quarantine does not count again."""
    beat("w1")
    fail_task(opened)
    late = opened.lease(1)
    opened.ledger.block_group(opened.job_id, 0, "corrupt")
    assert opened.ledger.status(opened.job_id).failed == 20
    opened.ledger.fail(late, failed=[(1, 2)], worker="w1", error="black")
    assert opened.ledger.status(opened.job_id).failed == 20
    assert opened.ledger.retry(opened.job_id) == 20
    assert opened.ledger.status(opened.job_id).failed == 0
    assert opened.waiting() == [(0, 2), (2, 20), (20, 32)]


@pytest.mark.parametrize("state", [JobState.PAUSED, JobState.CANCELLED])
def test_a_group_of_a_job_that_does_not_run_is_not_blocked(opened: Moves, state: JobState) -> None:
    """Nobody was asked to load its pipeline since; what ended keeps its counts."""
    opened.ledger.set_control(opened.job_id, state=state)
    assert opened.ledger.block_group(opened.job_id, 0, "corrupt") == 0
    assert opened.ledger.status(opened.job_id).failed == 0


@pytest.mark.parametrize("span", [(0, 3), (3, 5), (3, 12), (8, 16), (7, 17), (8, 24), (1, 31)])
def test_a_block_counts_what_is_left(moves: Moves, span: tuple[int, int]) -> None:
    """Bits at the edges of bytes are counted like those inside."""
    start, stop = span
    groups = [GroupEntry(0, 0, start, "green")] if start else []
    moves.open(groups=(*groups, GroupEntry(1, start, stop, "red"), GroupEntry(2, stop, 32, "blue")))
    moves.ledger.restore(moves.job_id, done=b"\x5a\xff\x00\x81", failed={}, waiting=[], epoch="e1")
    left = [at for at in range(start, stop) if not moves.ledger.is_done(moves.job_id, at)]
    assert moves.ledger.block_group(moves.job_id, 1, "corrupt") == len(left)


def test_a_group_with_nothing_left_is_not_blocked(moves: Moves) -> None:
    """There is nothing to fail in a group that is rendered."""
    moves.open(images=8, groups=(GroupEntry(0, 0, 8, "red"),))
    moves.commit(moves.lease(8))
    assert moves.ledger.block_group(moves.job_id, 0, "corrupt") == 0


def test_retry_gives_what_failed_another_chance_and_only_that(opened: Moves, beat: Callable[..., None]) -> None:
    """Failed tasks wait again, rendered ones do not; marks that kept workers away are lifted."""
    beat("w1")
    assert [fail_task(opened), fail_task(opened)] == [0, 1]
    opened.commit(opened.lease(8))
    opened.ledger.unfit("w1", "blue", "no weights")
    opened.ledger.block_group(opened.job_id, 1, "no weights")
    assert opened.ledger.retry(opened.job_id) == 14
    status = opened.ledger.status(opened.job_id)
    assert (status.failed, status.done, status.reason) == (0, 8, None)
    assert opened.ledger.failures(opened.job_id) == {}
    assert opened.ledger.workers()[0].unfit == {}
    assert opened.waiting() == [(0, 2), (10, 20), (20, 32)]


def test_retry_starts_the_count_of_attempts_afresh(opened: Moves, beat: Callable[..., None]) -> None:
    """A retried task has as many attempts as a new one."""
    beat("w1", "w2")
    for worker in ("w1", "w2"):
        opened.ledger.fail(opened.lease(1, worker=worker), failed=[(0, 1)], worker=worker, error="black")
    assert opened.ledger.retry(opened.job_id) == 1
    lease = opened.lease(1, worker="w1")
    assert opened.ledger.fail(lease, failed=[(0, 1)], worker="w1", error="black") == []


def test_retry_does_not_join_groups(moves: Moves, beat: Callable[..., None]) -> None:
    """A range never crosses a group's end, however positions come back."""
    beat("w1")
    moves.open(images=2, groups=(GroupEntry(0, 0, 1, "red"), GroupEntry(1, 1, 2, "blue")))
    for group in (0, 1):
        lease = moves.lease(1, group=group)
        moves.ledger.fail(lease, failed=[(group, group + 1)], worker="w1", error="black")
    assert moves.ledger.retry(moves.job_id) == 2
    assert moves.waiting() == [(0, 1), (1, 2)]


def test_retry_is_quick_in_a_job_of_many_groups(moves: Moves) -> None:
    """Thousands of failed tasks in thousands of groups block Redis for a moment only."""
    count = 4000
    moves.open(images=count, groups=tuple(GroupEntry(at, at, at + 1, f"q{at % 3}") for at in range(count)))
    failed = dict.fromkeys(range(0, count, 2), "black")
    moves.ledger.restore(moves.job_id, done=b"", failed=failed, waiting=[], epoch=moves.ledger.epoch())
    began = time.monotonic()
    assert moves.ledger.retry(moves.job_id) == len(failed)
    assert time.monotonic() - began < 2


def test_retry_of_a_job_that_ended_makes_it_run_again(opened: Moves, beat: Callable[..., None]) -> None:
    """A failed job that is retried is active again; a cancelled one, or one without failures, is not."""
    beat("w1")
    ledger, job = opened.ledger, opened.job_id
    assert ledger.retry(job) == 0
    fail_task(opened)
    ledger.finish(job, JobState.FAILED, "1 of 32 images failed")
    assert ledger.active() == []
    assert ledger.retry(job) == 1
    status = ledger.status(job)
    assert (status.state, status.finished_at, status.reason) == (JobState.RUNNING, None, None)
    assert ledger.active() == [job]
    ledger.set_control(job, state=JobState.CANCELLED)
    assert ledger.retry(job) == 0


def test_take_back_returns_unclaimed_ranges_of_a_queue(opened: Moves) -> None:
    """What nobody claimed waits in the ledger again; what is leased and other queues are left alone."""
    opened.lease(8)
    opened.send(8)
    opened.send(8, 1)
    assert opened.ledger.take_back(opened.job_id, "red") == 1
    red, blue = opened.ledger.loads(opened.job_id)
    assert (red.sent, red.leased, red.waiting, blue.sent) == (0, 1, 12, 1)


def test_finish_writes_the_last_word(opened: Moves) -> None:
    """State, reason, end and the totals of the records replace what was counted."""
    opened.lease(8)
    ledger, job = opened.ledger, opened.job_id
    assert ledger.finish(job, JobState.FAILED, "all black", finished_at=2000.0, gpu_s=7.5, cost=None, failed=32)
    status = ledger.status(job)
    assert (status.state, status.reason, status.finished_at) == (JobState.FAILED, "all black", 2000.0)
    assert (status.gpu_s, status.cost_usd, status.failed, status.running) == (7.5, None, 32, 0)
    assert ledger.active() == []


def test_finish_refuses_a_job_that_was_retried_meanwhile(opened: Moves) -> None:
    """Results that were written while somebody retried are not the end."""
    assert opened.ledger.finish(opened.job_id, JobState.FAILED, if_over=True, failed=32) is False
    status = opened.ledger.status(opened.job_id)
    assert (status.state, status.failed) == (JobState.QUEUED, 0)
    assert opened.ledger.finish("nothing", JobState.DONE) is False


@pytest.mark.parametrize("when", ["new", "running", "over"])
def test_forget_leaves_nothing(opened: Moves, when: str) -> None:
    """No key of a forgotten job stays behind."""
    ledger, job = opened.ledger, opened.job_id
    if when != "new":
        opened.ledger.fail(opened.lease(1), failed=[(0, 1)], worker="w1", error="black")
        opened.ledger.give_back(opened.lease(4))
        opened.lease(4)
        opened.commit(opened.lease(4))
        opened.expire()
        opened.ledger.block_group(job, 1, "corrupt")
    if when == "over":
        ledger.finish(job, JobState.FAILED)
    ledger.forget(job)
    assert ledger.job_ids() == ledger.active() == []
    assert list(ledger.redis.scan_iter(f"{ledger.prefix}:job:*")) == []


def test_a_restored_job_knows_its_epoch(opened: Moves) -> None:
    """The coordinator compares a job with the store once per epoch."""
    ledger, job = opened.ledger, opened.job_id
    assert ledger.restored(job) == ""
    ledger.restore(job, done=b"\x80", failed={}, waiting=[(1, 20), (20, 32)], epoch="e1", started_at=1500.0)
    assert ledger.restored(job) == "e1"
    assert ledger.status(job).started_at == 1500.0
    ledger.set_restored(job, "e2")
    assert ledger.restored(job) == "e2"
    ledger.set_restored("nothing", "e2")
    assert ledger.restored("nothing") == ""
