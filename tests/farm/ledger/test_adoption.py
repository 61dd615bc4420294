"""What living workers keep when Redis has lost its memory."""

from typing import Any

import pytest

from farm.ledger.ledger import Ledger
from farm.ledger.values import JobState, Lease, Signal
from farm.plan.ranges import WorkRange

Moves = Any


@pytest.fixture
def held(opened: Moves) -> Lease:
    """A lease of positions 8 to 16 that the ledger has forgotten, with all else of the job."""
    opened.send(8)
    lease = opened.lease(8)
    opened.ledger.redis.flushall()
    assert isinstance(lease, Lease)
    return lease


def renew(moves: Moves, lease: Lease) -> Signal:
    """Renew as the worker would."""
    answer = moves.ledger.renew(lease, worker="w1", progress=moves.progress())
    assert isinstance(answer, Signal)
    return answer


def restore(moves: Moves) -> None:
    """Rebuild the job: positions 0 to 4 are rendered, the rest waits."""
    moves.open()
    epoch, _ = moves.ledger.ensure_epoch()
    moves.ledger.restore(moves.job_id, done=b"\xf0", failed={}, waiting=[(4, 20), (20, 32)], epoch=epoch)


def test_a_worker_goes_on_while_nobody_has_rebuilt_the_job(opened: Moves, held: Lease) -> None:
    """Between the loss and the rebuild, an earlier token is neither confirmed nor denied."""
    assert renew(opened, held) is Signal.CONTINUE
    opened.ledger.ensure_epoch()
    assert renew(opened, held) is Signal.CONTINUE
    opened.open()
    assert renew(opened, held) is Signal.CONTINUE


def test_a_living_worker_s_range_is_adopted_after_the_rebuild(opened: Moves, held: Lease) -> None:
    """Its range is cut out of what waits, so nobody renders it twice."""
    restore(opened)
    assert renew(opened, held) is Signal.CONTINUE
    status = opened.ledger.status(opened.job_id)
    assert (status.running, status.state) == (8, JobState.RUNNING)
    assert status.started_at is not None
    assert opened.waiting() == [(4, 8), (16, 20), (20, 32)]
    assert opened.commit(held) == list(range(8, 16))


def test_a_range_is_adopted_from_beyond_the_cursor(opened: Moves, held: Lease) -> None:
    """A job that came back without records waits at its cursors, and the worker keeps its range all the same."""
    opened.open()
    epoch, _ = opened.ledger.ensure_epoch()
    opened.ledger.set_restored(opened.job_id, epoch)
    assert renew(opened, held) is Signal.CONTINUE
    assert opened.waiting() == [(0, 8), (16, 20), (20, 32)]


def test_an_adopted_lease_expires_like_any_other(opened: Moves, held: Lease) -> None:
    """The worker that adopted its range may die too."""
    restore(opened)
    renew(opened, held)
    opened.expire()
    assert opened.waiting() == [(4, 8), (8, 12), (12, 16), (16, 20), (20, 32)]


def test_a_range_that_is_rendered_is_not_adopted(opened: Moves, held: Lease) -> None:
    """A renewal that comes after the last commit opens nothing that would have to run out."""
    restore(opened)
    opened.commit(held)
    assert renew(opened, held) is Signal.LOST
    assert opened.ledger.loads(opened.job_id)[0].leased == 0


def test_a_range_that_somebody_else_has_is_lost(opened: Moves, held: Lease) -> None:
    """A worker stops when part of its range was sent to another."""
    restore(opened)
    assert opened.send(8) == WorkRange(opened.job_id, 4, 12)
    assert renew(opened, held) is Signal.LOST


def test_a_picture_under_an_older_epoch_is_committed(opened: Moves, held: Lease) -> None:
    """A stale token may commit what is in the store."""
    restore(opened)
    assert len(opened.commit(held)) == 8
    assert opened.waiting() == [(4, 8), (16, 20), (20, 32)]


def test_an_expired_lease_of_this_epoch_is_not_adopted(opened: Moves) -> None:
    """Adoption is for Redis' loss of memory, not for a worker that hung."""
    lease = opened.lease()
    opened.ledger.set_restored(opened.job_id, opened.ledger.epoch())
    opened.expire()
    assert renew(opened, lease) is Signal.LOST


def test_a_forgotten_job_is_lost(opened: Moves) -> None:
    """A job that was removed is not rendered on under a current token."""
    lease = opened.lease()
    opened.ledger.forget(opened.job_id)
    assert renew(opened, lease) is Signal.LOST


def test_restoring_leaves_what_is_out_alone(opened: Moves) -> None:
    """After a restart without loss, ranges that are out do not wait a second time."""
    opened.send(8)
    epoch, _ = opened.ledger.ensure_epoch()
    opened.ledger.restore(opened.job_id, done=b"", failed={}, waiting=[(0, 20), (20, 32)], epoch=epoch)
    assert opened.waiting() == [(8, 20), (20, 32)]


def test_restoring_keeps_bits_that_were_set_meanwhile(opened: Moves) -> None:
    """A commit that comes while the store is read is not undone."""
    lease = opened.lease(8)
    opened.ledger.commit(lease, 0, 2, seconds=0, price=None)
    epoch, _ = opened.ledger.ensure_epoch()
    opened.ledger.restore(opened.job_id, done=b"\x30", failed={5: "black"}, waiting=[(0, 2), (4, 32)], epoch=epoch)
    status = opened.ledger.status(opened.job_id)
    assert (status.done, status.failed) == (4, 1)
    assert opened.ledger.failures(opened.job_id) == {5: "black"}


def test_two_ledgers_share_a_server(ledger: Ledger, opened: Moves) -> None:
    """A prefix is a farm of its own."""
    other = Ledger(ledger.redis, prefix=f"{ledger.prefix}-other")
    assert other.status(opened.job_id) is None
    assert other.epoch() == ""
