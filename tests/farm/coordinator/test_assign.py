from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from farm.coordinator.assign import Demand, Seat, assign, given_up, obstacle, ranges
from farm.ledger.values import WorkerStatus

RED, BLUE = Demand("red", waiting=320, ranges=10), Demand("blue", waiting=64, ranges=2)
CORRUPT = "Its weights are corrupt."


def seats(*queues: str | None) -> list[Seat]:
    """Workers w0, w1, … that serve these queues."""
    return [Seat(f"w{number}", queue, loaded=[queue] if queue else []) for number, queue in enumerate(queues)]


def test_a_free_worker_loads_what_has_most_waiting() -> None:
    """Where nothing is loaded, the longest queue is served."""
    assert assign(seats(None), [BLUE, RED]) == {"w0": "red"}


def test_a_worker_keeps_what_it_has_while_it_has_work() -> None:
    """A longer queue elsewhere is no reason to load another model."""
    assert assign(seats("blue"), [BLUE, RED]) == {"w0": "blue"}


def test_a_worker_without_work_moves_on() -> None:
    """Its queue is empty, another waits."""
    assert assign(seats("green"), [BLUE]) == {"w0": "blue"}


def test_a_worker_stays_when_nothing_waits() -> None:
    """An idle farm unloads nothing."""
    assert assign(seats("green", None), []) == {"w0": "green"}


def test_workers_spread_over_queues_in_proportion() -> None:
    """Six free workers, five parts of red to one of blue."""
    found = assign(seats(*[None] * 6), [RED, BLUE])
    assert Counter(found.values()) == {"red": 5, "blue": 1}


def test_a_queue_takes_no_more_workers_than_it_has_ranges() -> None:
    """A short tail does not make everybody load its model."""
    found = assign(seats(*[None] * 4), [replace(BLUE, waiting=900, ranges=1), RED])
    assert Counter(found.values()) == {"red": 3, "blue": 1}


def test_a_queue_nobody_serves_takes_a_worker_from_a_queue_that_several_serve() -> None:
    """Nobody starves while another queue has two workers; with one worker each, everybody stays."""
    assert Counter(assign(seats("red", "red"), [RED, BLUE]).values()) == {"red": 1, "blue": 1}
    third = Demand("green", waiting=10, ranges=1)
    assert assign(seats("red", "blue"), [RED, BLUE, third]) == {"w0": "red", "w1": "blue"}


def test_a_starved_queue_takes_a_free_worker_first() -> None:
    """No worker is moved while another has nothing to do."""
    assert assign(seats("red", "red", None), [RED, BLUE]) == {"w0": "red", "w1": "red", "w2": "blue"}


def test_a_starved_queue_takes_the_worker_that_has_it_loaded() -> None:
    """Of two that could move, the one that need not load moves."""
    first, second = seats("red", "red")
    assert assign([first, replace(second, loaded=["red", "blue"])], [RED, BLUE])["w1"] == "blue"


def test_a_free_worker_prefers_what_it_has_loaded() -> None:
    """A model in memory is served before a longer queue, when somebody serves that one."""
    free = Seat("w1", "green", loaded=["blue"])
    assert assign([*seats("red"), free], [RED, BLUE, replace(BLUE, queue="pink", waiting=0)]) == {
        "w0": "red",
        "w1": "blue",
    }


def test_higher_priority_takes_workers_from_lower() -> None:
    """An urgent job gets as many workers as it has ranges, and not one more."""
    urgent = replace(BLUE, priority=90)
    found = assign(seats("red", "red", "red"), [RED, urgent])
    assert Counter(found.values()) == {"red": 1, "blue": 2}
    assert assign(seats("red"), [RED, urgent]) == {"w0": "blue"}


def test_lower_priority_waits() -> None:
    """One worker serves the urgent queue though the other waits longer."""
    assert assign(seats("blue"), [RED, replace(BLUE, priority=90)]) == {"w0": "blue"}
    assert assign(seats(None), [RED, replace(BLUE, priority=90)]) == {"w0": "blue"}


def test_free_workers_are_used_before_others_are_moved() -> None:
    """An urgent job does not take a busy worker while a free one is there."""
    urgent = replace(BLUE, priority=90)
    assert assign(seats("red", None, None), [RED, urgent]) == {"w0": "red", "w1": "blue", "w2": "blue"}


def test_a_worker_that_is_too_small_is_not_given_the_queue() -> None:
    """GPU memory decides; who has not said what it has waits until it has, and only where memory is asked for."""
    small, unknown, big = Seat("w0", vram_gb=8.0), Seat("w1"), Seat("w2", vram_gb=24.0)
    assert assign([small, unknown, big], [replace(RED, min_vram_gb=16.0)]) == {"w2": "red"}
    assert assign([unknown], [RED]) == {"w1": "red"}


def test_an_unfit_worker_is_not_given_the_queue_again() -> None:
    """A worker that cannot load a pipeline is taken off its queue, to another or to none."""
    unfit = Seat("w0", "red", unfit={"red": CORRUPT})
    assert assign([unfit], [RED, BLUE]) == {"w0": "blue"}
    assert assign([unfit], [RED]) == {}
    assert assign([unfit], []) == {}


def test_what_a_worker_was_told_outranks_what_it_says() -> None:
    """Between the decision and the next heartbeat the decision counts."""
    status = WorkerStatus(
        "w0", "box", "cpu", "CPU", None, None, "red", ("red",), "idle", None, 0, 0, 0, started_at=0, seen_at=0
    )
    assert Seat.of(status, "blue").queue == "blue"
    assert Seat.of(status, None).queue == "red"


@pytest.mark.parametrize(("device", "memory"), [("cpu", 0.0), ("", None), ("cuda:0", None)])
def test_a_cpu_has_no_gpu_memory(device: str, memory: float | None) -> None:
    """A worker that has not said what it is has unknown memory, which is something else."""
    status = WorkerStatus("w0", "box", device, "", None, None, None, (), "idle", None, 0, 0, 0, started_at=0, seen_at=0)
    assert Seat.of(status, None).vram_gb == memory


def test_obstacles_are_sentences() -> None:
    """A queue that nobody can serve says why."""
    big = replace(RED, min_vram_gb=80.0)
    assert obstacle(seats(None), RED) is None
    assert "farm worker" in str(obstacle([], RED))
    assert "80 GB" in str(obstacle([Seat("w0", vram_gb=24.0)], big))
    assert obstacle([Seat("w0", unfit={"red": CORRUPT})], RED) == CORRUPT


def test_a_pipeline_is_hopeless_only_when_every_worker_says_so() -> None:
    """One worker's broken disk does not fail a group."""
    unfit = Seat("w0", unfit={"red": CORRUPT}, unfit_at={"red": 100.0})
    assert given_up([unfit], RED, now=150.0) == CORRUPT
    assert given_up([unfit, Seat("w1")], RED, now=150.0) is None
    assert given_up([], RED, now=150.0) is None


def test_a_worker_that_has_not_said_what_memory_it_has_gives_hope() -> None:
    """It may be big enough, and is not asked before that is known."""
    big = replace(RED, min_vram_gb=16.0)
    unfit = Seat("w0", vram_gb=24.0, unfit={"red": CORRUPT}, unfit_at={"red": 100.0})
    assert given_up([unfit, Seat("w1")], big, now=150.0) is None
    assert given_up([unfit, Seat("w1", vram_gb=8.0)], big, now=150.0) == CORRUPT


def test_a_mark_is_of_its_time() -> None:
    """A worker is tried again for what was submitted since, and for nothing else."""
    unfit = Seat("w0", unfit={"red": CORRUPT}, unfit_at={"red": 100.0})
    assert not unfit.fits(replace(RED, submitted_at=100.0))
    assert unfit.fits(replace(RED, submitted_at=101.0))


def test_a_tail_is_a_range() -> None:
    """33 images at 32 per range are two ranges."""
    assert [ranges(images, 32) for images in (0, 1, 32, 33)] == [0, 1, 1, 2]


QUEUES = st.sampled_from(["red", "blue", "green", "pink"])
SEATS = st.lists(
    st.builds(Seat, worker=st.uuids().map(str), queue=st.none() | QUEUES, vram_gb=st.none() | st.just(8.0))
)
DEMANDS = st.lists(
    st.builds(
        Demand,
        queue=QUEUES,
        waiting=st.integers(0, 1000),
        ranges=st.integers(1, 40),
        priority=st.sampled_from([10, 50, 90]),
        min_vram_gb=st.none() | st.just(16.0),
    ),
    unique_by=lambda demand: demand.queue,
)


@given(SEATS, DEMANDS)
def test_any_assignment_is_possible_complete_and_stable(everybody: list[Seat], wanted: list[Demand]) -> None:
    """Nobody serves what does not fit; no worker idles beside work it could do; deciding again changes nothing."""
    found = assign(everybody, wanted)
    by_queue = {demand.queue: demand for demand in wanted if demand.waiting}
    for seat in everybody:
        demand = by_queue.get(found.get(seat.worker, ""))
        assert demand is None or seat.fits(demand)
        if demand is None:
            serving = Counter(found.values())
            assert all(serving[each.queue] >= each.ranges for each in by_queue.values() if seat.fits(each))
    again = [replace(seat, queue=found.get(seat.worker)) for seat in everybody]
    assert assign(again, wanted) == found
