"""A worker's own ledger of seconds: what its GPU thread did, as contiguous spans.

Instants are POSIX seconds (UTC) of one clock that never runs backwards: a session fixes the offset once, at its start.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum

from pydantic import BaseModel, ConfigDict

from farm.profile.record import WorkerInfo


class Kind(StrEnum):
    """What the GPU thread was busy with; useful and wasted are told apart by the reader, through the fold."""

    START = "start"  #: the process starts and imports its libraries
    LOAD = "load"  #: a range is claimed, its tasks are read, its pipeline is loaded
    ENCODE_PROMPT = "encode_prompt"  #: text encoders
    DENOISE = "denoise"  #: the steps
    DECODE = "decode"  #: latents become pixels
    POST = "post"  #: checks, the cast to 8 bits, the copy to the host, the hand-over
    BLOCKED = "blocked"  #: the publish pool is full
    IDLE = "idle"  #: waiting for a message


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of the GPU thread's time.

    Args:
        kind: what it was spent on.
        start: when it began, POSIX seconds.
        stop: when it ended; the next span starts here.
        job: the job it was spent for; None for `START` and `IDLE`.
        first: first position it worked on, inclusive; None where no batch was at hand.
        last: last position, exclusive.
        token: the attempt, as the record names it.
    """

    kind: Kind
    start: float
    stop: float
    job: str | None = None
    first: int | None = None
    last: int | None = None
    token: str | None = None

    @property
    def seconds(self) -> float:
        """Length of the span."""
        return self.stop - self.start

    def merged(self, later: "Span") -> "Span | None":
        """Both as one span when nothing is lost by it: the same work, one right after the other."""
        same = (self.kind, self.job, self.token, self.first, self.last)
        if same != (later.kind, later.job, later.token, later.first, later.last) or self.stop != later.start:
            return None
        return replace(self, stop=later.stop)


class Session(BaseModel):
    """One part of one worker session: `keys.session` names it, and a long session has several parts.

    Args:
        part: parts of a session follow each other without a gap, from 0.
        started_at: when the part began: the start of the process for part 0.
        ended_at: when the part was last written; its spans reach up to here.
        spans: contiguous, oldest first.
        upload_s: job -> seconds its publish threads spent on encoding and uploading, which overlap the spans.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    worker: WorkerInfo
    part: int = 0
    started_at: float
    ended_at: float
    spans: tuple[Span, ...]
    upload_s: dict[str, float]

    def to_json(self) -> bytes:
        """The object as it is stored."""
        return self.model_dump_json().encode()

    @classmethod
    def from_json(cls, data: bytes) -> "Session":
        """Read a stored object."""
        return cls.model_validate_json(data)

    @property
    def wall_s(self) -> float:
        """Seconds from the part's start to its last write."""
        return self.ended_at - self.started_at

    @property
    def residual_s(self) -> float:
        """Seconds that no span accounts for; stays within 1 % of `wall_s`."""
        return self.wall_s - sum(span.seconds for span in self.spans)


def append(spans: list[Span], span: Span) -> None:
    """Add a span at the end of a list, merged with the one before where nothing is lost by it."""
    if span.stop <= span.start:
        return
    merged = spans[-1].merged(span) if spans else None
    if merged is None:
        spans.append(span)
    else:
        spans[-1] = merged


def seconds_by_kind(spans: Iterable[Span]) -> dict[Kind, float]:
    """Seconds of each kind, every kind present."""
    total = dict.fromkeys(Kind, 0.0)
    for span in spans:
        total[span.kind] += span.seconds
    return total
