from dataclasses import replace
from typing import Any

import pytest

from farm.coordinator.assign import Seat, assign
from farm.coordinator.demand import demands, hindrance, hopeless, ready, sent_by_queue
from farm.ledger.values import JobState

CORRUPT = "Its weights are corrupt."


def renamed(job: Any, name: str) -> Any:
    """The same job under another id."""
    return replace(job, entry=replace(job.entry, job_id=name))


def test_what_waits_is_asked_for(make_view: Any) -> None:
    """Images that nobody has claimed make a queue's demand, those in the broker too."""
    (demand,) = demands([make_view(waiting=(20,), sent=1)], [Seat("w1")])
    assert (demand.queue, demand.waiting, demand.ranges) == ("q0", 28, 4)


def test_jobs_of_one_queue_are_one_demand(make_view: Any) -> None:
    """Their images add up, the highest priority counts, and so does the greatest need of memory."""
    jobs = [make_view(priority=80), renamed(make_view(min_vram_gb=16.0), "cups"), renamed(make_view(), "caps")]
    (demand,) = demands(jobs, [Seat("w1", vram_gb=24.0)])
    assert (demand.waiting, demand.priority, demand.min_vram_gb) == (96, 80, 16.0)


@pytest.mark.parametrize("state", [JobState.PAUSED, JobState.CANCELLED])
def test_a_job_that_does_not_run_asks_for_nothing(make_view: Any, state: JobState) -> None:
    """Nobody loads a model for a paused job."""
    job = make_view(state=state)
    assert demands([job], [Seat("w1")]) == []
    assert ready([job], [Seat("w1")]) == []
    assert hindrance(job, []) is None


def test_what_nobody_can_serve_hinders_nobody(make_view: Any) -> None:
    """A job that asks for too much memory neither moves workers nor keeps a smaller one of the same queue back."""
    huge, small = make_view(min_vram_gb=80.0), renamed(make_view(), "cups")
    seats = [Seat("w1", vram_gb=24.0)]
    (demand,) = demands([huge, small], seats)
    assert (demand.waiting, demand.min_vram_gb) == (32, None)
    assert [each.job_id for each in ready([huge, small], seats)] == ["cups"]
    assert "80 GB" in str(hindrance(huge, seats))
    assert hindrance(small, seats) is None


def test_one_group_that_waits_for_a_worker_is_named(make_view: Any) -> None:
    """The other group is ready all the same."""
    job = make_view(waiting=(32, 32))
    seats = [Seat("w1", unfit={"q1": CORRUPT}), Seat("w2")]
    assert hindrance(job, seats) is None
    assert [each.group for each in ready([job], seats)] == [0, 1]
    assert [each.group for each in ready([job], seats[:1])] == [0]


def test_a_group_that_no_worker_can_load_is_hopeless(make_view: Any) -> None:
    """Only when each worker that is big enough says so; small ones have no say."""
    job = make_view(waiting=(32, 32), min_vram_gb=16.0)
    unfit, small = Seat("w1", vram_gb=24.0, unfit={"q1": CORRUPT}, unfit_at={"q1": 100.0}), Seat("w2", vram_gb=8.0)
    assert hopeless(job, [unfit, small], now=150.0) == {1: CORRUPT}
    assert hopeless(job, [unfit, Seat("w3", vram_gb=24.0)], now=150.0) == {}
    assert hopeless(job, [], now=150.0) == {}


def test_there_is_hope_for_a_moment(make_view: Any) -> None:
    """Workers do not start all at once: nothing fails while the last mark is young."""
    job = make_view()
    first = Seat("w1", unfit={"q0": CORRUPT}, unfit_at={"q0": 100.0})
    second = Seat("w2", unfit={"q0": CORRUPT}, unfit_at={"q0": 110.0})
    assert hopeless(job, [first], now=119.0) == {}
    assert hopeless(job, [first, second], now=120.0) == {}
    assert hopeless(job, [first, second], now=130.0) == {0: CORRUPT}


@pytest.mark.parametrize("state", [JobState.PAUSED, JobState.CANCELLED])
def test_a_job_that_does_not_run_is_never_hopeless(make_view: Any, state: JobState) -> None:
    """Nothing of it is asked of anybody."""
    unfit = Seat("w1", unfit={"q0": CORRUPT}, unfit_at={"q0": 100.0})
    assert hopeless(make_view(state=state), [unfit], now=150.0) == {}


def test_a_job_that_was_submitted_after_the_repair_is_tried(make_view: Any) -> None:
    """What a worker could not load before it was asked is no answer; the earlier job of the same queue still fails."""
    early, late = make_view(), renamed(make_view(), "cups")
    late = replace(late, entry=replace(late.entry, submitted_at=140.0))
    unfit = Seat("w1", unfit={"q0": CORRUPT}, unfit_at={"q0": 100.0})
    assert (hopeless(early, [unfit], now=150.0), hopeless(late, [unfit], now=150.0)) == ({0: CORRUPT}, {})
    assert (hindrance(early, [unfit]), hindrance(late, [unfit])) == (CORRUPT, None)
    assert [each.job_id for each in ready([early, late], [unfit])] == ["cups"]
    assert assign([unfit], demands([early, late], [unfit])) == {"w1": "q0"}


def test_a_group_that_is_sent_whole_has_nothing_ready(make_view: Any) -> None:
    """It is still asked for, so that its worker stays."""
    job = make_view(waiting=(0,), sent=1)
    assert ready([job], [Seat("w1")]) == []
    assert len(demands([job], [Seat("w1")])) == 1
    assert sent_by_queue([job, renamed(job, "cups")]) == {"q0": 2}


def test_a_job_knows_what_is_out(make_view: Any) -> None:
    """Sent and leased ranges together, for fairness; leased ones alone, for its end."""
    job = make_view(waiting=(0,), sent=2)
    assert (job.out, job.leased) == (2, 0)
