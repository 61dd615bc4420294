"""When the phases of a batch began: marks set while it runs, read once it is over.

On CUDA a mark is an event in the device's own queue, so timing never makes the device wait for the host.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from farm.profile.seconds import Kind
from workers.device import Device


class Clock(Protocol):
    """Sets marks and says, afterwards, how far apart they are."""

    def mark(self) -> Any:
        """Now, on the device."""

    def wait(self) -> None:
        """Return when every mark has been reached."""

    def between(self, earlier: Any, later: Any) -> float:
        """Seconds from one mark to another."""


class HostClock:
    """For devices that work in the calling thread."""

    def mark(self) -> float:
        """Now."""
        return time.perf_counter()

    def wait(self) -> None:
        """Nothing is ever pending."""

    def between(self, earlier: float, later: float) -> float:
        """Seconds from one mark to another."""
        return later - earlier


class CudaClock:
    """For devices that work behind the calling thread."""

    def __init__(self, device: Device) -> None:
        self._device = device

    def mark(self) -> Any:
        """An event at the end of the device's queue."""
        import torch

        event = torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]
        event.record()
        return event

    def wait(self) -> None:
        """Return when every event has been reached."""
        self._device.synchronize()

    def between(self, earlier: Any, later: Any) -> float:
        """Seconds from one event to another; they are kept in milliseconds."""
        return float(earlier.elapsed_time(later)) / 1000


def clock_of(device: Device) -> Clock:
    """The clock that suits a device."""
    return CudaClock(device) if device.is_cuda else HostClock()


@dataclass(frozen=True, slots=True)
class Phase:
    """A phase of a batch, in seconds from the batch's start."""

    kind: Kind
    start: float
    stop: float


@dataclass(frozen=True, slots=True)
class Timings:
    """What was measured of one batch: phases without a gap between them, and the length of each step."""

    phases: tuple[Phase, ...]
    step_s: tuple[float, ...]

    def seconds(self, kind: Kind) -> float:
        """Seconds of all phases of one kind."""
        return sum(phase.stop - phase.start for phase in self.phases if phase.kind is kind)


@dataclass
class Timeline:
    """The marks of one batch, from `begin` to `read`."""

    clock: Clock
    _phases: list[tuple[Kind, Any]] = field(default_factory=list)
    _steps: list[Any] = field(default_factory=list)

    def enter(self, kind: Kind) -> None:
        """A phase begins, and the one before it ends; entering the phase one is in changes nothing."""
        if not self._phases or self._phases[-1][0] is not kind:
            self._phases.append((kind, self.clock.mark()))

    def step(self) -> None:
        """A scheduler position has been run."""
        self._steps.append(self.clock.mark())

    @property
    def steps(self) -> int:
        """Steps so far."""
        return len(self._steps)

    def read(self) -> Timings:
        """Wait for the device and turn marks into seconds; the batch ends here."""
        end = self.clock.mark()
        self.clock.wait()
        origin = self._phases[0][1]
        starts = [(kind, self.clock.between(origin, mark)) for kind, mark in self._phases]
        steps = [self.clock.between(origin, mark) for mark in self._steps]
        return Timings(
            phases=tuple(_phases(starts, steps, self.clock.between(origin, end))),
            step_s=tuple(_lengths(starts, steps)),
        )


def _phases(starts: Sequence[tuple[Kind, float]], steps: Sequence[float], end: float) -> list[Phase]:
    """Phases from their starts; what follows the last step of a batch that ends in `DENOISE` is post-processing."""
    stops = [start for _, start in starts[1:]] + [end]
    phases = [Phase(kind, start, stop) for (kind, start), stop in zip(starts, stops, strict=True)]
    last = phases[-1]
    if last.kind is Kind.DENOISE and steps and last.start <= steps[-1] < last.stop:
        phases[-1:] = [Phase(Kind.DENOISE, last.start, steps[-1]), Phase(Kind.POST, steps[-1], last.stop)]
    return phases


def _lengths(starts: Sequence[tuple[Kind, float]], steps: Sequence[float]) -> list[float]:
    """Seconds of each step: the first is counted from where denoising last began, since some encode twice before it."""
    before = (start for kind, start in starts if kind is Kind.DENOISE and start <= steps[0]) if steps else ()
    begin = max(before, default=0.0)
    return [stop - start for start, stop in zip([begin, *steps], steps, strict=False)]


def by_position(step_s: Sequence[float], *, steps: int, order: int) -> list[float]:
    """Seconds per position of the schedule, where a scheduler evaluates some of them twice.

    Heun is of order 2 and calls back 39 times for 20 steps, twice for every position but the last; PNDM is of order 1
    and calls back 21 times for 20: what exceeds the steps asked for is added to the first.
    """
    groups = [sum(step_s[index : index + order]) for index in range(0, len(step_s), order)]
    surplus = max(len(groups) - steps, 0)
    return [sum(groups[: surplus + 1]), *groups[surplus + 1 :]] if groups else []
