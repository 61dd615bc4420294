"""Ranges of positions: the unit of work, and what travels in a Celery message."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from farm.plan.plan import Plan


@dataclass(frozen=True, slots=True, order=True)
class WorkRange:
    """A run of tasks of one group, sent as one Celery message.

    Args:
        job_id: the job the positions belong to.
        start: first position in execution order, inclusive.
        stop: last position, exclusive.
    """

    job_id: str
    start: int
    stop: int

    def __len__(self) -> int:
        return self.stop - self.start

    def __str__(self) -> str:
        return f"{self.job_id}[{self.start}:{self.stop}]"

    def to_message(self) -> tuple[str, int, int]:
        """The arguments of the Celery message."""
        return self.job_id, self.start, self.stop

    def halves(self) -> Iterator["WorkRange"]:
        """Both halves of a range of two and more; a single task is yielded as it is."""
        middle = (self.start + self.stop + 1) // 2
        yield WorkRange(self.job_id, self.start, middle)
        if middle < self.stop:
            yield WorkRange(self.job_id, middle, self.stop)


def batches(plan: "Plan", start: int, stop: int, size: int) -> Iterator[tuple[int, int]]:
    """Cut positions into runs of at most `size` that share a batch key: what one diffusers call takes.

    Args:
        plan: the job.
        start: first position, inclusive.
        stop: last position, exclusive.
        size: most images of a batch.
    """
    while start < stop:
        end = min(start + size, stop, plan.spot(start).stop)
        yield start, end
        start = end
