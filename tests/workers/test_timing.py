from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from farm.profile.seconds import Kind
from workers.device import Device
from workers.timing import CudaClock, HostClock, Phase, Timeline, by_position, clock_of


class Clock:
    """Marks are the numbers it is given."""

    def __init__(self, *marks: float) -> None:
        self.marks = list(marks)
        self.waited = False

    def mark(self) -> float:
        """The next number."""
        return self.marks.pop(0)

    def wait(self) -> None:
        """Nothing is pending."""
        self.waited = True

    def between(self, earlier: float, later: float) -> float:
        """The difference."""
        return later - earlier


def test_phases_leave_no_gap_and_steps_are_measured() -> None:
    """A batch of two steps, as pipelines make it."""
    clock = Clock(10.0, 11.0, 13.0, 16.0, 16.5, 18.0, 18.5)
    timeline = Timeline(clock)
    timeline.enter(Kind.ENCODE_PROMPT)
    timeline.enter(Kind.DENOISE)
    timeline.enter(Kind.DENOISE)
    timeline.step()
    timeline.step()
    timeline.enter(Kind.DECODE)
    timeline.enter(Kind.POST)
    timings = timeline.read()
    assert clock.waited
    assert timings.phases == (
        Phase(Kind.ENCODE_PROMPT, 0.0, 1.0),
        Phase(Kind.DENOISE, 1.0, 6.5),
        Phase(Kind.DECODE, 6.5, 8.0),
        Phase(Kind.POST, 8.0, 8.5),
    )
    assert timings.step_s == (2.0, 3.0)
    assert timings.seconds(Kind.DENOISE) == 5.5


def test_a_pipeline_without_a_vae_ends_denoising_with_its_last_step() -> None:
    """What follows is post-processing."""
    timeline = Timeline(Clock(0.0, 2.0, 5.0))
    timeline.enter(Kind.DENOISE)
    timeline.step()
    timings = timeline.read()
    assert timings.phases == (Phase(Kind.DENOISE, 0.0, 2.0), Phase(Kind.POST, 2.0, 5.0))


def test_the_first_step_begins_after_the_last_prompt() -> None:
    """Some pipelines encode prompts and negative prompts apart: the second encoding is no part of a step."""
    timeline = Timeline(Clock(0.0, 1.0, 2.0, 5.0, 6.0, 9.0, 10.0))
    for kind in (Kind.ENCODE_PROMPT, Kind.DENOISE, Kind.ENCODE_PROMPT, Kind.DENOISE):
        timeline.enter(kind)
    timeline.step()
    timeline.step()
    timings = timeline.read()
    assert timings.step_s == (1.0, 3.0)
    assert (timings.seconds(Kind.ENCODE_PROMPT), timings.seconds(Kind.DENOISE)) == (4.0, 5.0)


@pytest.mark.parametrize(
    ("calls", "steps", "order", "expected"),
    [
        ([1, 1, 1], 3, 1, [1, 1, 1]),
        ([1, 2, 1, 2, 1], 3, 2, [3, 3, 1]),
        ([1, 1, 1, 1], 3, 1, [2, 1, 1]),
        ([1, 1], 3, 1, [1, 1]),
        ([], 3, 1, []),
    ],
    ids=["plain", "heun", "pndm", "stopped", "nothing"],
)
def test_seconds_are_by_position_of_the_schedule(
    calls: list[float], steps: int, order: int, expected: list[float]
) -> None:
    """No second is lost by counting a position's evaluations together."""
    assert by_position(calls, steps=steps, order=order) == expected


def test_the_host_clock_runs_forward() -> None:
    """On a processor a mark is the time itself."""
    clock = HostClock()
    first, second = clock.mark(), clock.mark()
    clock.wait()
    assert clock.between(first, second) >= 0


def test_the_clock_suits_the_device() -> None:
    """Events on CUDA, the host's clock elsewhere."""
    assert isinstance(clock_of(Device(name="cpu", gpu="", vram_gb=None, memory=0)), HostClock)
    assert isinstance(clock_of(Device(name="cuda:0", gpu="", vram_gb=8.0, memory=0)), CudaClock)


def test_events_are_read_in_seconds() -> None:
    """CUDA counts in milliseconds."""

    class Event:
        def elapsed_time(self, _later: object) -> float:
            """Milliseconds."""
            return 1500.0

    clock = CudaClock(Device(name="cuda:0", gpu="", vram_gb=8.0, memory=0))
    assert clock.between(Event(), Event()) == 1.5


@given(st.lists(st.floats(0.001, 9), min_size=1, max_size=60), st.integers(1, 40), st.integers(1, 2))
def test_no_second_is_lost_between_calls_and_positions(seconds: list[float], steps: int, order: int) -> None:
    """Whatever a scheduler evaluates how often: the sum stays, in no more entries than positions asked for."""
    found = by_position(seconds, steps=steps, order=order)
    assert sum(found) == pytest.approx(sum(seconds))
    assert len(found) <= max(steps, 1)


@given(st.lists(st.tuples(st.sampled_from([*Kind, None]), st.floats(0, 3)), min_size=1, max_size=30), st.floats(0, 3))
def test_phases_cover_a_batch(marks: list[tuple[Kind | None, float]], rest: float) -> None:
    """Phases and steps in any order: one follows the other, from the first mark to the end."""
    clock = Running()
    timeline = Timeline(clock)
    timeline.enter(Kind.ENCODE_PROMPT)
    begin = clock.now
    for kind, passed in marks:
        clock.now += passed
        if kind is None:
            timeline.step()
        else:
            timeline.enter(kind)
    clock.now += rest
    phases = timeline.read().phases
    assert (phases[0].start, phases[-1].stop) == pytest.approx((0.0, clock.now - begin))
    assert all(earlier.stop == later.start for earlier, later in pairwise(phases))
    assert all(phase.stop >= phase.start for phase in phases)


class Running:
    """A clock that a test moves."""

    now = 50.0

    def mark(self) -> float:
        """Now."""
        return self.now

    def wait(self) -> None:
        """Nothing is pending."""

    def between(self, earlier: float, later: float) -> float:
        """The difference."""
        return later - earlier
