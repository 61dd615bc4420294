"""The ledger of seconds of a job: every second of the workers that served it, in one class each.

``wall = start + load + encode_prompt + denoise + decode + post + blocked + wasted + idle + other + residual``, all
between the first claim and the last record. Nothing is computed as the remainder but the residual.
"""

import math
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from farm.profile.fold import Interval, overlap
from farm.profile.seconds import Kind, Session, Span
from farm.report.load import JobData
from farm.report.measured import Attempt
from farm.report.values import Ledger

#: Work that the fold can call waste; waiting is only waiting.
_WORK = frozenset({Kind.LOAD, Kind.ENCODE_PROMPT, Kind.DENOISE, Kind.DECODE, Kind.POST})


@dataclass(frozen=True, slots=True)
class Verdict:
    """Which part of a span of the job was useful.

    Args:
        won: token -> positions its attempt won.
        recorded: token -> positions its records speak about, whatever the outcome.
        over: whether the job ended, so that nothing is in flight any more.
    """

    won: Mapping[str, Sequence[Interval]]
    recorded: Mapping[str, Sequence[Interval]]
    over: bool

    @classmethod
    def of(cls, data: JobData) -> "Verdict":
        """The verdict that the job's records give."""
        recorded: dict[str, list[Interval]] = defaultdict(list)
        for one in data.attempts:
            recorded[one.token].append((one.start, one.stop))
        return cls(won=data.won_by_token(), recorded=recorded, over=data.over)

    def useful(self, span: Span) -> float:
        """Share of the span's seconds that made pictures which count, 0 to 1.

        What has no batch at hand, such as a load, counts whole when its attempt won any picture. Until the job is
        over, what no record speaks of is in flight. Before its lease, when a range is claimed, an attempt has no token.
        """
        if span.token is None:
            return 1.0
        won, recorded = self.won.get(span.token, ()), self.recorded.get(span.token, ())
        if span.first is None or span.last is None or span.last <= span.first:
            return 1.0 if won or (not recorded and not self.over) else 0.0
        length = span.last - span.first
        kept = overlap(won, span.first, span.last)
        in_flight = 0 if self.over else length - min(length, overlap(recorded, span.first, span.last))
        return min(1.0, (kept + in_flight) / length)


def ledger_of_seconds(data: JobData) -> Ledger:
    """Class every second of the job's workers between its start and its end.

    A session that was killed ends at its last write; what its worker did from there to the last renewal of a lease that
    was lost with it is waste. Sessions of other times are left out.
    """
    start, stop = data.measured.started_at, data.measured.ended_at
    if start is None or stop is None:
        return Ledger()
    verdict = Verdict.of(data)
    parts: dict[str, float] = defaultdict(float)
    wall = upload = 0.0
    written: dict[str, _Written] = defaultdict(_Written)
    for session in data.sessions:
        written[session.worker.id].add(session)
        begin, end = max(session.started_at, start), min(session.ended_at, stop)
        if end > begin:
            wall += end - begin
            upload += session.upload_s.get(data.job_id, 0.0)
            _class_spans(session, data.job_id, (begin, end), verdict, parts)
    unwritten = sum(written[worker].missing(lost) for worker, lost in _lost_by_worker(data.attempts).items())
    wall, parts["wasted_s"] = wall + unwritten, parts["wasted_s"] + unwritten
    return Ledger(wall_s=wall, upload_s=upload, residual_s=wall - sum(parts.values()), **parts)


class _Written:
    """When the sessions of one worker began, and up to when each was written."""

    def __init__(self) -> None:
        self._sessions: dict[str, tuple[float, float]] = {}

    def add(self, session: Session) -> None:
        """Take note of a part of a session; they come oldest first."""
        began, _ = self._sessions.get(session.worker.session, (session.started_at, 0.0))
        self._sessions[session.worker.session] = (began, session.ended_at)

    def missing(self, lost: Iterable[tuple[float, float]]) -> float:
        """Seconds of attempts that were lost, ``(claimed, last renewed)``, that no session accounts for."""
        known = sorted(self._sessions.values())
        reached, total = -math.inf, 0.0
        for claimed, renewed in sorted(lost):
            after = bisect_right(known, claimed, key=lambda bounds: bounds[0])
            begin = max(claimed, reached, known[after - 1][1] if after else claimed)
            end = min(renewed, known[after][0] if after < len(known) else renewed)
            total += max(0.0, end - begin)
            reached = max(reached, end)
        return total


def _lost_by_worker(attempts: Iterable[Attempt]) -> dict[str, list[tuple[float, float]]]:
    """Worker -> when each of its lost attempts was claimed and last renewed."""
    found: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for one in attempts:
        if one.lost:
            found[one.worker].append((one.claimed_at, one.finished_at))
    return found


def _class_spans(
    session: Session, job_id: str, between: tuple[float, float], verdict: Verdict, parts: dict[str, float]
) -> None:
    """Add the clipped spans of one session to the parts."""
    for span in session.spans:
        seconds = min(span.stop, between[1]) - max(span.start, between[0])
        if seconds <= 0:
            continue
        if span.job is not None and span.job != job_id:
            parts["other_s"] += seconds
        elif span.job is None or span.kind not in _WORK:
            parts[f"{span.kind}_s"] += seconds
        else:
            useful = verdict.useful(span)
            parts[f"{span.kind}_s"] += seconds * useful
            parts["wasted_s"] += seconds * (1 - useful)
