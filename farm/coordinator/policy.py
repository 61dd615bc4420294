"""Which ranges to send next: priority first, then fairness between jobs, then even progress through a job's groups.

Pure: the loop measures, this decides, the loop sends.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

#: Ranges per worker that wait in the broker: one to start at once, one in reserve.
RANGES_PER_WORKER = 2


@dataclass(frozen=True, slots=True)
class Ready:
    """A group of a running job that has images waiting."""

    job_id: str
    group: int
    queue: str
    #: Images of the group, and those of them that wait to be sent.
    images: int
    waiting: int
    #: Images per range.
    range_size: int
    priority: int
    submitted_at: float

    @property
    def progress(self) -> float:
        """Share of the group that was sent already."""
        return 1 - self.waiting / self.images


@dataclass(frozen=True, slots=True)
class Choice:
    """One range to take from a group and send."""

    job_id: str
    group: int
    queue: str
    size: int


def room(workers: Mapping[str, int], sent: Mapping[str, int]) -> dict[str, int]:
    """How many more ranges each queue's broker list may hold.

    Args:
        workers: live workers that serve a queue.
        sent: ranges of a queue that nobody has claimed yet.
    """
    return {queue: max(0, RANGES_PER_WORKER * count - sent.get(queue, 0)) for queue, count in workers.items()}


def choose(ready: Sequence[Ready], *, space: Mapping[str, int], out: Mapping[str, int]) -> list[Choice]:
    """Ranges to send now, in this order.

    Args:
        ready: groups with images waiting.
        space: how many more ranges each queue takes; a queue that is not named takes none.
        out: ranges of a job that are sent or leased: of jobs of one priority, the one with fewest comes first.
    """
    groups = {(each.job_id, each.group): each for each in ready if each.waiting > 0}
    left, outstanding = dict(space), dict(out)
    chosen: list[Choice] = []
    while able := [each for each in groups.values() if each.waiting > 0 and left.get(each.queue, 0) > 0]:
        best = min(able, key=lambda each: _rank(each, outstanding))
        chosen.append(Choice(best.job_id, best.group, best.queue, best.range_size))
        left[best.queue] -= 1
        outstanding[best.job_id] = outstanding.get(best.job_id, 0) + 1
        rest = replace(best, waiting=max(0, best.waiting - best.range_size))
        groups[best.job_id, best.group] = rest
    return chosen


def _rank(each: Ready, outstanding: Mapping[str, int]) -> tuple[int, int, float, str, float, int]:
    return (
        -each.priority,
        outstanding.get(each.job_id, 0),
        each.submitted_at,
        each.job_id,
        each.progress,
        each.group,
    )
