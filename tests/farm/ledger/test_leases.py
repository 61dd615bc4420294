from collections.abc import Callable
from typing import Any

import pytest

from farm.ledger.leases import read_token
from farm.ledger.ledger import Ledger
from farm.ledger.values import FailedPart, GroupEntry, JobState, Lease, Progress, Refusal, Signal
from farm.plan.ranges import WorkRange
from farm.profile.outcome import Token

#: `Moves` of the conftest beside this file; test folders are no packages.
Moves = Any


def test_dispatch_walks_a_group_and_stays_inside_it(opened: Moves) -> None:
    """Ranges of a group follow each other, and the last is cut at the group's end."""
    found = [opened.send(8, 0) for _ in range(3)]
    assert [(rng.start, rng.stop) for rng in found] == [(0, 8), (8, 16), (16, 20)]
    assert opened.ledger.dispatch(opened.job_id, 0, 8) is None
    assert opened.send(8, 1) == WorkRange(opened.job_id, 20, 28)


@pytest.mark.parametrize("state", [JobState.PAUSED, JobState.CANCELLED])
def test_dispatch_takes_nothing_of_a_job_that_does_not_run(opened: Moves, state: JobState) -> None:
    """A paused or cancelled job sends nothing new."""
    opened.ledger.set_control(opened.job_id, state=state)
    assert opened.ledger.dispatch(opened.job_id, 0, 8) is None


def test_dispatch_takes_what_came_back_first(opened: Moves) -> None:
    """A returned range is sent before the cursor moves on."""
    lease = opened.lease(8)
    opened.ledger.give_back(lease)
    assert opened.send(4) == WorkRange(opened.job_id, 0, 4)
    assert opened.send(8) == WorkRange(opened.job_id, 4, 8)


def test_dispatch_cuts_out_what_is_rendered(opened: Moves) -> None:
    """Positions with a bit inside a returned range are not sent again."""
    lease = opened.lease(8)
    opened.ledger.commit(lease, 2, 4, seconds=0, price=None)
    opened.ledger.give_back(lease)
    assert opened.waiting()[:3] == [(0, 2), (4, 8), (8, 20)]


def test_claim_grants_the_exact_range_once(opened: Moves) -> None:
    """Of two deliveries of one message, one renders."""
    rng = opened.send()
    first, second = opened.ledger.claim(rng, worker="w1"), opened.ledger.claim(rng, worker="w2")
    assert isinstance(first, Lease)
    assert first.range == rng
    assert first.seconds == opened.ledger.lease
    assert first.queued_at <= first.claimed_at
    assert second is Refusal.TAKEN


def test_claim_starts_the_job(opened: Moves) -> None:
    """A job runs from its first claim on."""
    assert opened.ledger.status(opened.job_id).state is JobState.QUEUED
    lease = opened.lease()
    status = opened.ledger.status(opened.job_id)
    assert status.state is JobState.RUNNING
    assert status.started_at == pytest.approx(lease.claimed_at, abs=1e-3)
    assert status.running == 8


def test_tokens_order_by_age(opened: Moves) -> None:
    """A later lease has a later token of the same epoch."""
    first, second = opened.lease(), opened.lease()
    assert first.token.epoch == second.token.epoch == opened.ledger.epoch()
    assert first.token < second.token


def test_claim_of_a_range_that_is_not_outstanding_is_taken(opened: Moves) -> None:
    """A message from before a FLUSHALL, or of a range that was halved since, renders nothing."""
    assert opened.ledger.claim(WorkRange(opened.job_id, 0, 8), worker="w1") is Refusal.TAKEN
    opened.send(8)
    assert opened.ledger.claim(WorkRange(opened.job_id, 0, 4), worker="w1") is Refusal.TAKEN


def test_claim_of_what_is_rendered_is_done(opened: Moves) -> None:
    """A late delivery of a finished range is answered done, and a sent entry of it is removed."""
    lease = opened.lease()
    opened.commit(lease)
    assert opened.ledger.claim(lease.range, worker="w2") is Refusal.DONE
    other = opened.send()
    opened.ledger.commit(lease, other.start, other.stop, seconds=0, price=None)
    assert opened.ledger.claim(other, worker="w2") is Refusal.DONE
    assert opened.ledger.loads(opened.job_id)[0].sent == 0


def test_claim_on_a_paused_job_puts_the_range_back(opened: Moves) -> None:
    """Pausing loses nothing: the range waits in the ledger until the job goes on."""
    rng = opened.send()
    opened.ledger.set_control(opened.job_id, state=JobState.PAUSED, reason="lunch")
    assert opened.ledger.claim(rng, worker="w1") is Refusal.PAUSED
    opened.ledger.set_control(opened.job_id, state=JobState.RUNNING)
    assert opened.send() == rng


def test_claim_on_a_cancelled_job_is_refused(opened: Moves) -> None:
    """Nothing of a cancelled job is rendered, and its message leaves nothing behind."""
    rng = opened.send()
    opened.ledger.set_control(opened.job_id, state=JobState.CANCELLED)
    assert opened.ledger.claim(rng, worker="w1") is Refusal.CANCELLED
    assert opened.ledger.loads(opened.job_id)[0].sent == 0


def test_claim_on_an_unknown_job_is_unknown(ledger: Ledger) -> None:
    """The ledger may have lost the job, or not heard of it yet."""
    assert ledger.claim(WorkRange("nothing", 0, 8), worker="w1") is Refusal.UNKNOWN


def test_claim_needs_a_current_epoch(opened: Moves) -> None:
    """No token is issued between a restart of Redis and the coordinator's new epoch."""
    rng = opened.send()
    opened.ledger.redis.set(f"{opened.ledger.prefix}:run_id", "another run")
    assert opened.ledger.claim(rng, worker="w1") is Refusal.UNKNOWN
    opened.ledger.ensure_epoch()
    assert isinstance(opened.ledger.claim(rng, worker="w1"), Lease)


def test_renew_keeps_a_lease_alive(opened: Moves) -> None:
    """A lease that is renewed does not expire."""
    lease = opened.lease()
    for tick in range(4):
        opened.ledger.shift_clock(20)
        assert opened.ledger.renew(lease, worker="w1", progress=opened.progress(tick)) is Signal.CONTINUE
        assert opened.ledger.sweep(opened.job_id, grace=5, queue_lengths={}) == ([], [])


def test_a_lease_without_progress_runs_out(opened: Moves) -> None:
    """A worker that renews but does not move loses its range once its patience is over."""
    lease = opened.lease()
    for _ in range(5):
        opened.ledger.renew(lease, worker="w1", progress=opened.progress(7, patience_s=40.0))
        opened.ledger.shift_clock(20)
    expired, _ = opened.ledger.sweep(opened.job_id, grace=5, queue_lengths={})
    assert [found.range for found in expired] == [lease.range]
    assert opened.ledger.renew(lease, worker="w1", progress=opened.progress(8)) is Signal.LOST


def test_renew_answers_cancel(opened: Moves) -> None:
    """The worker of a cancelled job learns it at its next renewal."""
    lease = opened.lease()
    opened.ledger.set_control(opened.job_id, state=JobState.CANCELLED)
    assert opened.ledger.renew(lease, worker="w1", progress=opened.progress()) is Signal.CANCEL


def test_renew_lets_a_paused_job_finish_its_range(opened: Moves) -> None:
    """Pausing stops dispatch, not what is being rendered."""
    lease = opened.lease()
    opened.ledger.set_control(opened.job_id, state=JobState.PAUSED)
    assert opened.ledger.renew(lease, worker="w1", progress=opened.progress()) is Signal.CONTINUE
    assert len(opened.commit(lease)) == 8


def test_renew_answers_drain(opened: Moves, beat: Callable[..., None]) -> None:
    """A worker that is drained learns it at its next renewal."""
    beat("w1")
    lease = opened.lease()
    opened.ledger.drain("w1")
    assert opened.ledger.renew(lease, worker="w1", progress=opened.progress()) is Signal.DRAIN


def test_renew_shows_what_the_worker_does(opened: Moves, beat: Callable[..., None]) -> None:
    """Live step n of m comes from the renewals."""
    beat("w1")
    lease = opened.lease()
    opened.ledger.renew(lease, worker="w1", progress=opened.progress(1, step=7, steps=20))
    (worker,) = opened.ledger.workers()
    assert (worker.doing, worker.step, worker.steps, worker.job_id) == ("rendering", 7, 20, opened.job_id)


def test_renew_of_a_swept_lease_is_lost(opened: Moves) -> None:
    """A worker that comes back after its lease ran out stops rendering."""
    lease = opened.lease()
    opened.expire()
    assert opened.ledger.renew(lease, worker="w1", progress=opened.progress()) is Signal.LOST


def test_first_commit_wins(opened: Moves) -> None:
    """Of two commits of one picture, one is new and the other waste."""
    lease = opened.lease()
    assert opened.ledger.commit(lease, 0, 3, seconds=1, price=None) == [0, 1, 2]
    assert opened.ledger.commit(lease, 2, 5, seconds=1, price=None) == [3, 4]
    status = opened.ledger.status(opened.job_id)
    assert (status.done, status.running) == (5, 3)


def test_commit_of_everything_closes_the_attempt(opened: Moves) -> None:
    """A range whose pictures are all committed is not outstanding any more."""
    lease = opened.lease()
    opened.commit(lease)
    load = opened.ledger.loads(opened.job_id)[0]
    assert (load.sent, load.leased, load.waiting) == (0, 0, 12)


def test_commit_under_a_stale_token_counts(opened: Moves) -> None:
    """A picture that is in the store is not rendered again because its lease ran out."""
    lease = opened.lease()
    opened.expire()
    assert len(opened.commit(lease)) == 8
    assert opened.waiting()[0] == (8, 20)


def test_commit_is_refused_when_the_job_is_cancelled(opened: Moves) -> None:
    """Nothing counts after a cancel, but the seconds are charged."""
    lease = opened.lease()
    opened.ledger.set_control(opened.job_id, state=JobState.CANCELLED)
    assert opened.commit(lease) == []
    status = opened.ledger.status(opened.job_id)
    assert (status.done, status.gpu_s) == (0, 1.0)


def test_commit_on_a_cancelled_job_closes_the_attempt(opened: Moves) -> None:
    """Nobody waits for a lease that is over, and no attempt that ended counts as lost."""
    lease = opened.lease()
    opened.ledger.set_control(opened.job_id, state=JobState.CANCELLED)
    opened.commit(lease)
    assert opened.ledger.loads(opened.job_id)[0].leased == 0
    opened.ledger.shift_clock(31)
    assert opened.ledger.sweep(opened.job_id, grace=5, queue_lengths={}) == ([], [])


def test_commit_on_an_unknown_job_is_nothing(opened: Moves) -> None:
    """The record is in the store: a rebuild finds the picture."""
    lease = opened.lease()
    opened.ledger.forget(opened.job_id)
    assert opened.commit(lease) == []


def test_cost_is_unknown_until_somebody_has_a_price(opened: Moves) -> None:
    """A price that nobody set is not invented."""
    lease = opened.lease()
    opened.ledger.commit(lease, 0, 1, seconds=3.0, price=None)
    assert opened.ledger.status(opened.job_id).cost_usd is None
    opened.ledger.commit(lease, 1, 2, seconds=1800.0, price=2.0)
    status = opened.ledger.status(opened.job_id)
    assert status.gpu_s == pytest.approx(1803.0)
    assert status.cost_usd == pytest.approx(1.0)


def test_commit_counts_the_worker_s_images(opened: Moves, beat: Callable[..., None]) -> None:
    """The roster says how many images each worker has made."""
    beat("w1")
    opened.commit(opened.lease(worker="w1"))
    assert opened.ledger.workers()[0].images_done == 8


def test_give_back_returns_the_rest_without_a_strike(moves: Moves) -> None:
    """A drained worker costs a task nothing, however often it happens."""
    moves.open(images=1, groups=(GroupEntry(0, 0, 1, "red"),), max_attempts=1)
    for _ in range(4):
        moves.ledger.give_back(moves.lease(), seconds=2.0)
    status = moves.ledger.status(moves.job_id)
    assert (status.failed, status.gpu_s) == (0, 8.0)
    assert moves.waiting() == [(0, 1)]


def test_a_stale_give_back_changes_nothing(opened: Moves) -> None:
    """Only the token that holds the range can return it."""
    lease = opened.lease()
    opened.expire()
    again = opened.lease(worker="w2")
    opened.ledger.give_back(lease)
    assert opened.ledger.renew(again, worker="w2", progress=opened.progress()) is Signal.CONTINUE


def test_a_failed_range_comes_back_halved(opened: Moves) -> None:
    """Failures close in on the bad task by halves."""
    lease = opened.lease()
    assert opened.ledger.fail(lease, failed=[(0, 8)], worker="w1", error="black") == []
    assert [opened.send(1000), opened.send(1000)] == [
        WorkRange(opened.job_id, 0, 4),
        WorkRange(opened.job_id, 4, 8),
    ]
    assert opened.ledger.status(opened.job_id).failed == 0


def test_what_did_not_fail_returns_unpunished(opened: Moves) -> None:
    """Neighbours of a failed sub-range come back as they are, and what is committed does not come back."""
    lease = opened.lease()
    opened.ledger.commit(lease, 0, 2, seconds=0, price=None)
    opened.ledger.fail(lease, failed=[(4, 6)], worker="w1", error="black")
    assert opened.waiting()[:5] == [(2, 4), (4, 5), (5, 6), (6, 8), (8, 20)]


def test_one_worker_quarantines_a_task_it_fails(opened: Moves, beat: Callable[..., None]) -> None:
    """Where nobody else could try, one reported failure of a single task is the last word."""
    beat("w1")
    lease = opened.lease(1)
    assert opened.ledger.fail(lease, failed=[(0, 1)], worker="w1", error="It is black.") == [0]
    assert opened.ledger.failures(opened.job_id) == {0: "It is black."}
    assert opened.ledger.status(opened.job_id).failed == 1
    assert opened.waiting()[0] == (1, 20)


def test_every_failed_task_keeps_its_own_sentence(opened: Moves, beat: Callable[..., None]) -> None:
    """Two tasks of one range may fail for two reasons."""
    beat("w1")
    parts = [FailedPart(5, 6, "It is not a number."), FailedPart(2, 3, "It is black.")]
    assert opened.ledger.fail(opened.lease(), failed=parts, worker="w1") == [2, 5]
    assert opened.ledger.failures(opened.job_id) == {2: "It is black.", 5: "It is not a number."}
    assert opened.waiting()[:3] == [(0, 2), (3, 5), (6, 8)]


def test_what_is_certain_to_fail_again_is_given_up_at_once(opened: Moves, beat: Callable[..., None]) -> None:
    """A scheduler that refuses the batch's steps is not asked once per half, nor on every worker."""
    beat("w1", "w2")
    lease = opened.lease()
    opened.ledger.commit(lease, 3, 4, seconds=0, price=None)
    part = FailedPart(2, 6, "LCM takes at most 50 steps.", certain=True)
    assert opened.ledger.fail(lease, failed=[part], worker="w1") == [2, 4, 5]
    assert opened.ledger.failures(opened.job_id) == dict.fromkeys((2, 4, 5), part.sentence)
    assert opened.ledger.status(opened.job_id).failed == 3
    assert opened.waiting()[:2] == [(0, 2), (6, 8)]


def test_another_worker_gets_a_task_before_it_is_given_up(opened: Moves, beat: Callable[..., None]) -> None:
    """With two workers, both must have failed at it."""
    beat("w1", "w2")
    for worker, verdict in [("w1", []), ("w2", [0])]:
        lease = opened.lease(1, worker=worker)
        assert opened.ledger.fail(lease, failed=[(0, 1)], worker=worker, error="black") == verdict


def test_one_of_two_workers_gives_a_task_up_after_max_attempts(opened: Moves, beat: Callable[..., None]) -> None:
    """A task that only one worker ever gets is tried so often, and no more."""
    beat("w1", "w2")
    verdicts = [opened.ledger.fail(opened.lease(1), failed=[(0, 1)], worker="w1", error="black") for _ in range(3)]
    assert verdicts == [[], [], [0]]


def test_a_worker_that_cannot_hold_the_model_is_no_other_try(opened: Moves, beat: Callable[..., None]) -> None:
    """Only workers that could render the task count as capable."""
    beat("w1", "w2")
    opened.ledger.unfit("w2", "red", "Its weights are corrupt.")
    lease = opened.lease(1, worker="w1")
    assert opened.ledger.fail(lease, failed=[(0, 1)], worker="w1", error="black") == [0]


def test_a_worker_that_could_not_load_the_model_before_is_another_try(moves: Moves, beat: Callable[..., None]) -> None:
    """A job that was submitted after a repair is tried everywhere."""
    beat("w1", "w2")
    moves.ledger.unfit("w2", "red", "Its weights are corrupt.")
    moves.open(submitted_at=moves.ledger.now() + 1)
    assert moves.ledger.fail(moves.lease(1, worker="w1"), failed=[(0, 1)], worker="w1", error="black") == []


def test_a_small_worker_is_no_other_try(moves: Moves, beat: Callable[..., None]) -> None:
    """A worker with too little memory for the job is not waited for."""
    moves.open(min_vram_gb=16.0)
    beat("w1", vram_gb=24.0)
    beat("w2", vram_gb=8.0)
    lease = moves.lease(1, worker="w1")
    assert moves.ledger.fail(lease, failed=[(0, 1)], worker="w1", error="black") == [0]


def test_halves_inherit_no_strikes(opened: Moves, beat: Callable[..., None]) -> None:
    """A single task is judged by its own attempts, not by those of the range it was in."""
    beat("w1", "w2", "w3")
    opened.ledger.fail(opened.lease(2), failed=[(0, 2)], worker="w1", error="black")
    assert opened.ledger.fail(opened.lease(2), failed=[(0, 1)], worker="w1", error="black") == []
    assert opened.ledger.fail(opened.lease(2), failed=[(0, 1)], worker="w2", error="black") == []


def test_a_stale_failure_is_no_strike(opened: Moves, beat: Callable[..., None]) -> None:
    """Who lost the lease cannot condemn the task; its seconds are charged."""
    beat("w1")
    lease = opened.lease(1)
    opened.expire()
    assert opened.ledger.fail(lease, failed=[(0, 1)], worker="w1", error="black", seconds=5.0) == []
    status = opened.ledger.status(opened.job_id)
    assert (status.failed, status.gpu_s) == (0, 5.0)


def test_a_picture_that_comes_late_lifts_the_quarantine(opened: Moves, beat: Callable[..., None]) -> None:
    """A stored picture outranks a failure."""
    beat("w1")
    stale = opened.lease(1)
    opened.expire()
    opened.ledger.fail(opened.lease(1), failed=[(0, 1)], worker="w1", error="black")
    assert opened.ledger.status(opened.job_id).failed == 1
    assert opened.commit(stale) == [0]
    status = opened.ledger.status(opened.job_id)
    assert (status.done, status.failed) == (1, 0)
    assert opened.ledger.failures(opened.job_id) == {}


def test_an_expired_range_comes_back_halved_with_its_seconds(opened: Moves) -> None:
    """A dead worker's range is tried again in halves; the last renewal says what it cost."""
    lease = opened.lease()
    opened.render(lease, busy_s=12.5)
    opened.ledger.shift_clock(31)
    (found,), again = opened.ledger.sweep(opened.job_id, grace=5, queue_lengths={})
    assert again == []
    assert (found.range, found.token, found.worker, found.busy_s) == (lease.range, lease.token, "w1", 12.5)
    assert found.renewed_at >= found.claimed_at >= found.queued_at
    assert opened.ledger.status(opened.job_id).gpu_s == 12.5
    assert opened.waiting()[:2] == [(0, 4), (4, 8)]


def test_an_expired_range_keeps_what_was_committed(opened: Moves) -> None:
    """Only what has no bit comes back."""
    lease = opened.lease()
    opened.render(lease)
    opened.ledger.commit(lease, 0, 7, seconds=0, price=None)
    opened.expire()
    assert opened.waiting()[0] == (7, 8)


def test_expired_attempts_are_told_until_they_are_written(opened: Moves) -> None:
    """A coordinator that dies between sweep and record loses no record."""
    opened.lease()
    opened.ledger.shift_clock(31)
    first, _ = opened.ledger.sweep(opened.job_id, grace=5, queue_lengths={})
    second, _ = opened.ledger.sweep(opened.job_id, grace=5, queue_lengths={})
    assert first == second != []
    opened.ledger.lost_written(opened.job_id, first)
    assert opened.ledger.sweep(opened.job_id, grace=5, queue_lengths={}) == ([], [])


def test_a_killed_worker_alone_quarantines_only_after_max_attempts(opened: Moves, beat: Callable[..., None]) -> None:
    """A single task whose worker is killed is tried max_attempts times, though there is only one worker."""
    beat("w1")
    for attempt in (1, 2, 3):
        opened.render(opened.lease(1))
        opened.ledger.shift_clock(31)
        expired, _ = opened.ledger.sweep(opened.job_id, grace=5, queue_lengths={})
        opened.ledger.lost_written(opened.job_id, expired)
        assert expired[0].quarantined == ((0,) if attempt == 3 else ())
    assert "w1" in opened.ledger.failures(opened.job_id)[0]


def die_loading(moves: Moves, worker: str = "w1") -> None:
    """A worker claims, begins to load, and is not heard of again."""
    lease = moves.lease(1, worker=worker)
    moves.ledger.renew(lease, worker=worker, progress=Progress(1, "loading"))
    moves.expire()
    moves.ledger.beat(worker)


def test_what_was_being_loaded_comes_back_whole(opened: Moves) -> None:
    """A worker that dies before it renders says nothing about its tasks: no halves, no strikes."""
    lease = opened.lease(8)
    opened.ledger.renew(lease, worker="w1", progress=Progress(1, "loading"))
    opened.lease(8)
    opened.expire()
    assert opened.waiting()[:3] == [(0, 8), (8, 16), (16, 20)]


def test_a_lease_that_ran_out_while_the_store_refused_strikes_nobody(opened: Moves) -> None:
    """However often a picture cannot be stored, its task is innocent; its job says what it waits for."""
    for _ in range(5):
        lease = opened.lease(1)
        waiting = Progress(ticks=1, doing="waiting", trouble="Worker w1 waits. The disk is full.")
        opened.ledger.renew(lease, worker="w1", progress=waiting)
        status = opened.ledger.status(opened.job_id)
        assert status is not None
        assert status.reason == "Worker w1 waits. The disk is full."
        opened.expire()
    status = opened.ledger.status(opened.job_id)
    assert status is not None
    assert (status.failed, status.reason) == (0, None)
    assert (lease.range.start, lease.range.stop) in opened.waiting()


def test_a_worker_that_dies_again_and_again_while_loading_is_unfit(moves: Moves, beat: Callable[..., None]) -> None:
    """A model that does not fit into memory costs three tries, and no task is given up for it."""
    moves.open(images=1, groups=(GroupEntry(0, 0, 1, "red"),), max_attempts=1)
    beat("w1", "w2")
    for _ in range(3):
        assert moves.ledger.workers(within=None)[0].unfit == {}
        die_loading(moves)
    w1, w2 = moves.ledger.workers(within=None)
    assert w1.unfit == {"red": "Worker w1 died 3 times while loading the model of mugs: is there enough memory?"}
    assert w1.unfit_at["red"] > 0
    assert w2.unfit == moves.ledger.failures(moves.job_id) == {}


def test_a_worker_that_gets_through_loading_starts_afresh(opened: Moves, beat: Callable[..., None]) -> None:
    """Three deaths in a month are no habit."""
    beat("w1")
    die_loading(opened)
    die_loading(opened)
    opened.render(opened.lease(1))
    opened.expire()
    opened.ledger.beat("w1")
    die_loading(opened)
    assert opened.ledger.workers(within=None)[0].unfit == {}


def test_a_worker_that_was_started_again_is_still_counted(opened: Moves, beat: Callable[..., None]) -> None:
    """The whole process tree dies of it, and its supervisor starts it again under the same name."""
    for _ in range(3):
        beat("w1")
        die_loading(opened)
    assert "enough memory" in opened.ledger.workers(within=None)[0].unfit["red"]
    opened.ledger.leave("w1")
    assert list(opened.ledger.redis.scan_iter(f"{opened.ledger.prefix}:*w1")) == []


def test_a_lost_message_is_sent_again_without_a_strike(moves: Moves) -> None:
    """A range that nobody claimed although its queue is empty is sent again, as often as it takes."""
    moves.open(images=1, groups=(GroupEntry(0, 0, 1, "red"),), max_attempts=1)
    rng = moves.send()
    moves.ledger.shift_clock(31)
    for _ in range(3):
        moves.ledger.shift_clock(6)
        assert moves.ledger.sweep(moves.job_id, grace=5, queue_lengths={"red": 0}) == ([], [rng])
    assert moves.ledger.sweep(moves.job_id, grace=5, queue_lengths={"red": 0}) == ([], [])
    assert isinstance(moves.ledger.claim(rng, worker="w1"), Lease)


@pytest.mark.parametrize("lengths", [{"red": 3}, {}, {"blue": 0}])
def test_a_message_that_may_still_wait_is_not_sent_again(opened: Moves, lengths: dict[str, int]) -> None:
    """While the queue holds messages, or is not known, nothing counts as lost."""
    opened.send()
    opened.ledger.shift_clock(1000)
    assert opened.ledger.sweep(opened.job_id, grace=5, queue_lengths=lengths) == ([], [])


def test_sweep_of_an_unknown_job_finds_nothing(ledger: Ledger) -> None:
    """A job that was forgotten meanwhile is no error."""
    assert ledger.sweep("nothing", grace=5, queue_lengths={}) == ([], [])


def test_nothing_is_swept_for_one_lease_after_a_new_epoch(opened: Moves) -> None:
    """After a restart of Redis living workers have a lease's time to say that they live."""
    lease = opened.lease()
    opened.ledger.shift_clock(25)
    opened.ledger.redis.set(f"{opened.ledger.prefix}:run_id", "another run")
    assert opened.ledger.ensure_epoch()[1]
    opened.ledger.shift_clock(10)
    assert opened.ledger.sweep(opened.job_id, grace=5, queue_lengths={}) == ([], [])
    assert opened.ledger.renew(lease, worker="w1", progress=opened.progress()) is Signal.CONTINUE
    opened.ledger.shift_clock(25)
    assert opened.ledger.sweep(opened.job_id, grace=5, queue_lengths={}) == ([], [])
    assert len(opened.commit(lease)) == 8


def test_tokens_are_read_as_they_are_written() -> None:
    """A token survives its way through a script."""
    token = Token("1763690000000x3fa9", 12)
    assert read_token(str(token)) == token
