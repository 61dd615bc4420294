"""Ranges of positions: the unit of work, and what travels in a Celery message."""

from collections.abc import Iterator
from dataclasses import dataclass


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
