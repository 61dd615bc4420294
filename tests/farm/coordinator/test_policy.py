from collections import Counter
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from farm.coordinator.policy import Choice, Ready, choose, room

JOB = Ready("mugs", 0, "red", images=320, waiting=320, range_size=32, priority=50, submitted_at=1.0)


def jobs_of(chosen: list[Choice]) -> list[str]:
    """Whose ranges were chosen, in order."""
    return [choice.job_id for choice in chosen]


def test_a_queue_holds_a_few_ranges_per_worker() -> None:
    """Two ranges wait for every worker of a queue, what was sent counted."""
    assert room({"red": 1, "blue": 3, "green": 1}, {"red": 1, "green": 5}) == {"red": 1, "blue": 6, "green": 0}


def test_nothing_is_sent_where_nobody_serves() -> None:
    """A queue without room takes nothing."""
    assert choose([JOB], space={}, out={}) == []
    assert choose([JOB], space={"blue": 2}, out={}) == []


def test_ranges_are_sent_while_there_is_room_and_work() -> None:
    """The queue is filled, and not with more than waits."""
    assert choose([JOB], space={"red": 2}, out={}) == [Choice("mugs", 0, "red", 32)] * 2
    assert len(choose([replace(JOB, waiting=40)], space={"red": 5}, out={})) == 2
    assert choose([replace(JOB, waiting=0)], space={"red": 5}, out={}) == []


def test_priority_comes_first() -> None:
    """While a job of higher priority has ranges, others wait."""
    urgent = replace(JOB, job_id="urgent", priority=80, waiting=64, submitted_at=9.0)
    assert jobs_of(choose([JOB, urgent], space={"red": 3}, out={})) == ["urgent", "urgent", "mugs"]


def test_jobs_of_one_priority_take_turns() -> None:
    """The job with fewest ranges out comes next; of equals, the one that was submitted first."""
    later = replace(JOB, job_id="cups", submitted_at=2.0)
    assert jobs_of(choose([later, JOB], space={"red": 4}, out={})) == ["mugs", "cups", "mugs", "cups"]
    assert jobs_of(choose([later, JOB], space={"red": 3}, out={"mugs": 2})) == ["cups", "cups", "mugs"]


def test_groups_of_a_job_progress_evenly() -> None:
    """The group that is least far comes next, so a job stopped early leaves an even sample."""
    big, small = JOB, replace(JOB, group=1, images=64, waiting=64)
    groups = [choice.group for choice in choose([big, small], space={"red": 6}, out={})]
    assert Counter(groups) == {0: 5, 1: 1}
    assert groups[0] == 0
    assert groups[1] == 1


def test_a_full_queue_hinders_no_other() -> None:
    """A group on another queue is sent though the first has no room."""
    other = replace(JOB, group=1, queue="blue")
    assert choose([JOB, other], space={"blue": 1}, out={}) == [Choice("mugs", 1, "blue", 32)]


@given(
    waiting=st.lists(st.integers(0, 500), min_size=1, max_size=6),
    space=st.dictionaries(st.sampled_from(["red", "blue"]), st.integers(0, 5)),
)
def test_choices_fit_the_room_and_the_work(waiting: list[int], space: dict[str, int]) -> None:
    """Never more ranges than a queue has room for, nor than a group has images, and none left out that would fit."""
    ready = [
        replace(JOB, group=number, queue=["red", "blue"][number % 2], waiting=images, images=500)
        for number, images in enumerate(waiting)
    ]
    chosen = choose(ready, space=space, out={})
    by_queue, by_group = Counter(c.queue for c in chosen), Counter(c.group for c in chosen)
    assert all(count <= space[queue] for queue, count in by_queue.items())
    assert all((count - 1) * 32 < waiting[group] for group, count in by_group.items())
    for queue, most in space.items():
        ranges = sum(-(-each.waiting // 32) for each in ready if each.queue == queue)
        assert by_queue[queue] == min(most, ranges)
