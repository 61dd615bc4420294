import time
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from farm.profile.seconds import Kind, Span
from workers.stopwatch import Stopwatch, process_age, steady
from workers.timing import Phase


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = 10.0

    def __call__(self) -> float:
        """Now."""
        return self.now


def test_the_first_span_is_the_start_of_the_process() -> None:
    """Everything before the first range is accounted for."""
    clock = Clock()
    watch = Stopwatch(started_at=4.0, now=clock)
    watch.switch(Kind.IDLE)
    clock.now = 12.0
    closed, current = watch.read()
    assert closed == [Span(Kind.START, 4.0, 10.0)]
    assert current == Span(Kind.IDLE, 10.0, 12.0)


def test_a_span_carries_what_it_was_for() -> None:
    """Job, positions and attempt."""
    clock = Clock()
    watch = Stopwatch(started_at=10.0, now=clock)
    watch.switch(Kind.DENOISE, job="j", first=0, last=8, token="e.1")
    clock.now = 11.0
    watch.switch(Kind.POST)
    assert watch.read()[0] == [Span(Kind.DENOISE, 10.0, 11.0, "j", 0, 8, "e.1")]


def test_a_batch_is_spread_over_its_phases() -> None:
    """What the device measured stands in place of the whole call; time before the call keeps its kind."""
    clock = Clock()
    watch = Stopwatch(started_at=10.0, now=clock)
    watch.switch(Kind.DENOISE, job="j", first=0, last=8, token="e.1")
    clock.now = 20.0
    phases = [Phase(Kind.ENCODE_PROMPT, 0.0, 1.0), Phase(Kind.DENOISE, 1.0, 6.0), Phase(Kind.DECODE, 6.0, 7.5)]
    watch.spread(phases, started_at=12.0)
    watch.switch(Kind.IDLE)
    spans = watch.read()[0]
    assert [(span.kind, span.start, span.stop) for span in spans] == [
        (Kind.DENOISE, 10.0, 12.0),
        (Kind.ENCODE_PROMPT, 12.0, 13.0),
        (Kind.DENOISE, 13.0, 18.0),
        (Kind.DECODE, 18.0, 19.5),
        (Kind.POST, 19.5, 20.0),
    ]
    assert {(span.job, span.first, span.last, span.token) for span in spans} == {("j", 0, 8, "e.1")}


@given(st.lists(st.tuples(st.sampled_from(list(Kind)), st.floats(-0.5, 5), st.floats(0, 9)), max_size=20))
def test_no_second_is_lost_or_counted_twice(moves: list[tuple[Kind, float, float]]) -> None:
    """Whatever is switched and spread, on whatever clock: the spans follow each other without a gap."""
    clock = Clock()
    watch = Stopwatch(started_at=8.0, now=clock)
    spans: list[Span] = []
    for kind, passed, length in moves:
        watch.switch(kind)
        clock.now += passed
        watch.spread([Phase(Kind.DENOISE, 0.0, length / 2), Phase(Kind.DECODE, length / 2, length)], started_at=9.0)
        spans += watch.read()[0]
    closed, current = watch.read()
    spans += [*closed, current]
    assert spans[0].start == 8.0
    assert all(earlier.stop == later.start for earlier, later in pairwise(spans))
    assert all(span.stop >= span.start for span in spans)


def test_the_process_knows_its_age(tmp_path: Path) -> None:
    """By the system's word; it is new where the system says nothing."""
    before = process_age()
    assert 0 < before < 3600 * 24
    time.sleep(0.05)
    assert process_age() - before == pytest.approx(0.05, abs=0.5)
    assert process_age(tmp_path / "nowhere") == 0.0


def test_the_steady_clock_tells_the_time_of_day() -> None:
    """POSIX seconds, and never backwards."""
    now = steady()
    first = now()
    assert first == pytest.approx(time.time(), abs=1)
    assert now() >= first


def test_the_steady_clock_agrees_with_the_ledgers() -> None:
    """Asked once: halfway between question and answer is when it was that time."""
    asked: list[float] = []

    def ledger() -> float:
        time.sleep(0.1)
        asked.append(time.time())
        return 5_000.0

    now = steady(ledger)
    first = now()
    assert first == pytest.approx(5_000.05, abs=0.04)
    assert now() - first < 1
    assert len(asked) == 1
