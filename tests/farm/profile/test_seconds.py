from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from farm.profile.record import WorkerInfo
from farm.profile.seconds import Kind, Session, Span, append, seconds_by_kind

WORKER = WorkerInfo(id="w", session="s", host="h", device="cpu", gpu="CPU", vram_gb=None, price_per_hour=None)


def span(kind: Kind, start: float, stop: float, job: str | None = None, first: int | None = None) -> Span:
    """A span with only what a test looks at."""
    return Span(kind, start, stop, job, first)


def test_equal_neighbours_become_one_span() -> None:
    """Waiting for a second message right after the first wait is one wait."""
    spans = [span(Kind.IDLE, 0.0, 1.0)]
    append(spans, span(Kind.IDLE, 1.0, 3.0))
    assert spans == [span(Kind.IDLE, 0.0, 3.0)]


@pytest.mark.parametrize(
    "later",
    [
        span(Kind.LOAD, 1.0, 2.0),
        span(Kind.IDLE, 1.0, 2.0, job="other"),
        span(Kind.IDLE, 1.0, 2.0, first=8),
        span(Kind.IDLE, 1.5, 2.0),
    ],
)
def test_spans_that_differ_stay_apart(later: Span) -> None:
    """Work of another kind, job or batch, or after a gap, is a span of its own."""
    spans = [span(Kind.IDLE, 0.0, 1.0)]
    append(spans, later)
    assert spans == [span(Kind.IDLE, 0.0, 1.0), later]


def test_a_span_of_no_length_is_left_out() -> None:
    """A switch at the same instant leaves nothing behind."""
    spans: list[Span] = []
    append(spans, span(Kind.IDLE, 1.0, 1.0))
    assert spans == []


def test_a_stored_session_reads_back_as_it_was() -> None:
    """What a worker writes is what the report reads."""
    session = Session(
        worker=WORKER,
        part=2,
        started_at=10.0,
        ended_at=14.0,
        spans=(
            Span(Kind.LOAD, 10.0, 11.0, "job", None, None, "e.1"),
            Span(Kind.DENOISE, 11.0, 14.0, "job", 0, 8, "e.1"),
        ),
        upload_s={"job": 0.5},
    )
    assert Session.from_json(session.to_json()) == session


def test_the_residual_is_what_no_span_explains() -> None:
    """A gap between spans shows as residual; none shows as zero."""
    spans = (span(Kind.START, 0.0, 1.0), span(Kind.IDLE, 1.5, 4.0))
    session = Session(worker=WORKER, started_at=0.0, ended_at=4.0, spans=spans, upload_s={})
    assert session.wall_s == 4.0
    assert session.residual_s == pytest.approx(0.5)


def test_every_kind_is_in_the_sum() -> None:
    """A kind that never happened counts zero seconds."""
    total = seconds_by_kind([span(Kind.LOAD, 0.0, 1.0), span(Kind.LOAD, 5.0, 7.0)])
    assert total[Kind.LOAD] == 3.0
    assert set(total) == set(Kind)
    assert total[Kind.DENOISE] == 0.0


@given(st.lists(st.tuples(st.sampled_from(list(Kind)), st.integers(0, 5), st.sampled_from([None, "a", "b"]))))
def test_merging_loses_no_second(parts: list[tuple[Kind, int, str | None]]) -> None:
    """Whatever follows whatever: the seconds of each kind and job stay, without a gap, in no more spans than needed."""
    at, spans, given_s = 0.0, list[Span](), dict[tuple[Kind, str | None], float]()
    for kind, seconds, job in parts:
        append(spans, span(kind, at, at + seconds, job))
        given_s[kind, job] = given_s.get((kind, job), 0.0) + seconds
        at += seconds
    for what, total in given_s.items():
        assert sum(one.seconds for one in spans if (one.kind, one.job) == what) == total
    assert all(left.stop == right.start for left, right in pairwise(spans))
    assert all((left.kind, left.job) != (right.kind, right.job) for left, right in pairwise(spans))
    assert sum(seconds_by_kind(spans).values()) == at
