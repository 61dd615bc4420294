from typing import Any

from farm.ledger.ledger import Ledger
from farm.ledger.values import GroupEntry, JobState

Moves = Any


def test_a_job_is_opened_once(moves: Moves) -> None:
    """Submitting twice is one job, and the second time changes nothing."""
    entry = moves.open(priority=80, min_vram_gb=16.0)
    moves.send()
    assert moves.ledger.open(entry) is False
    assert moves.ledger.entry(moves.job_id) == entry
    assert moves.ledger.loads(moves.job_id)[0].waiting == 12


def test_a_new_job_is_queued(opened: Moves) -> None:
    """A job nobody has touched says so."""
    status = opened.ledger.status(opened.job_id)
    assert (status.state, status.reason, status.images, status.done, status.failed) == ("queued", None, 32, 0, 0)
    assert (status.started_at, status.finished_at, status.cost_usd) == (None, None, None)
    assert status.submitted_at == 1000.0


def test_what_is_unknown_is_none(ledger: Ledger) -> None:
    """A job that the ledger does not know is no error here: the store may know it."""
    assert ledger.status("nothing") is None
    assert ledger.entry("nothing") is None
    assert ledger.loads("nothing") == []
    assert ledger.set_control("nothing", state=JobState.PAUSED) is None
    assert ledger.retry("nothing") == 0
    assert ledger.done_bits("nothing") == b""
    assert ledger.restored("nothing") == ""


def test_jobs_are_listed_in_order_of_submission(moves: Moves) -> None:
    """The list is the order people submitted in, those that are over included."""
    group = (GroupEntry(0, 0, 1, "red"),)
    for name, at in [("late", 30.0), ("early", 10.0), ("middle", 20.0)]:
        moves.open(job_id=name, name=name, images=1, groups=group, submitted_at=at)
    moves.ledger.finish("middle", JobState.DONE)
    assert [job.name for job in moves.ledger.jobs()] == ["early", "middle", "late"]
    assert moves.ledger.active() == ["early", "late"]


def test_loads_say_what_waits_and_what_is_out(opened: Moves) -> None:
    """Waiting, sent and leased images of each group."""
    opened.lease(8)
    opened.send(4)
    red, blue = opened.ledger.loads(opened.job_id)
    assert (red.waiting, red.sent, red.sent_images, red.leased, red.blocked) == (8, 1, 4, 1, False)
    assert (blue.group.queue, blue.waiting, blue.sent, blue.leased) == ("blue", 12, 0, 0)


def test_one_look_says_what_three_questions_would(opened: Moves) -> None:
    """The coordinator asks once a tick: the job, how it stands and what waits are of one moment."""
    lease = opened.lease(8)
    opened.ledger.commit(lease, 0, 3, seconds=1, price=None)
    look = opened.ledger.look(opened.job_id)
    assert look is not None
    assert look.entry == opened.ledger.entry(opened.job_id)
    assert look.status == opened.ledger.status(opened.job_id)
    assert (look.status.done, look.status.running) == (3, 5)
    assert (look.loads, look.restored) == (opened.ledger.loads(opened.job_id), "")
    assert opened.ledger.look("nothing") is None


def test_loads_count_what_came_back(opened: Moves) -> None:
    """Returned ranges wait like the rest."""
    lease = opened.lease(8)
    opened.ledger.give_back(lease)
    assert opened.ledger.loads(opened.job_id)[0].waiting == 20


def test_ranges_of_one_group_hide_no_other(moves: Moves) -> None:
    """A thousand single tasks of a blocked group came back: what waits in the next group is seen all the same."""
    moves.open(images=1200, groups=(GroupEntry(0, 0, 1100, "red"), GroupEntry(1, 1100, 1200, "blue")))
    singles = [(at, at + 1) for at in range(1100)]
    moves.ledger.restore(moves.job_id, done=b"", failed={}, waiting=[*singles, (1100, 1200)], epoch="e1")
    red, blue = moves.ledger.loads(moves.job_id)
    assert (red.waiting, blue.waiting) == (1000, 100)


def test_bits_are_in_the_order_of_positions(opened: Moves) -> None:
    """The first position is the highest bit of the first byte."""
    lease = opened.lease(8)
    opened.ledger.commit(lease, 1, 3, seconds=0, price=None)
    assert opened.ledger.done_bits(opened.job_id) == b"\x60"
    assert opened.ledger.is_done(opened.job_id, 2)
    assert not opened.ledger.is_done(opened.job_id, 3)


def test_bits_are_bytes_whatever_they_spell(opened: Moves) -> None:
    """A bitmap that is no text is read as it is."""
    opened.commit(opened.lease(8))
    assert opened.ledger.done_bits(opened.job_id) == b"\xff"


def test_a_job_is_fresh_until_something_was_sent(opened: Moves) -> None:
    """Only a job that nothing was dispatched of needs no comparison with its records."""
    assert opened.ledger.is_fresh(opened.job_id)
    rng = opened.send()
    assert not opened.ledger.is_fresh(opened.job_id)
    opened.ledger.give_back(opened.ledger.claim(rng, worker="w1"))
    assert not opened.ledger.is_fresh(opened.job_id)
