"""The rows of a report that hold a line through each setting's step counts, gathered batch by batch."""

from array import array
from dataclasses import dataclass, field
from typing import NamedTuple

from farm.economics import work
from farm.economics.costs import CostKey
from farm.economics.fit import comparison, fit, saving
from farm.report.measured import Batch
from farm.report.values import FitRow, GroupRow


def cost_key(batch: Batch) -> CostKey:
    """The cost model a batch is a sample of.

    Guidance and a second denoiser call per step (Heun) double what a step costs, so they have lines of their own.
    """
    return CostKey(
        model=batch.model,
        revision=batch.revision or "",
        size=batch.size,
        gpu=batch.gpu,
        dtype=batch.dtype,
        batch_size=batch.batch_size,
        guided=guided(batch),
        calls_per_step=calls_per_step(batch),
    )


def guided(drawn: Batch | GroupRow) -> bool:
    """Whether the denoiser runs for the negative prompt too."""
    return work.is_guided(drawn.guidance_scale)


def calls_per_step(drawn: Batch | GroupRow) -> int:
    """Denoiser calls of one step."""
    return work.calls_per_step(drawn.denoiser_calls, drawn.effective_steps)


class _Sample(NamedTuple):
    """A full batch."""

    started_at: float
    steps: int
    #: Seconds per image.
    seconds: float


@dataclass(slots=True)
class _Measured:
    """The samples of one cost model: 12 bytes each, but for the first one of every worker session."""

    steps: "array[int]" = field(default_factory=lambda: array("i"))
    seconds: "array[float]" = field(default_factory=lambda: array("d"))
    first: dict[str, _Sample] = field(default_factory=dict)

    def add(self, session: str, sample: _Sample) -> None:
        """Keep a sample; the earliest of its session is held apart."""
        first = self.first.setdefault(session, sample)
        if first is sample:
            return
        if sample.started_at < first.started_at:
            self.first[session], sample = sample, first
        self.steps.append(sample.steps)
        self.seconds.append(sample.seconds)

    def all(self) -> tuple[list[int], list[float]]:
        """Steps and seconds per image of every sample that counts."""
        known = set(self.steps)
        late = [one for one in self.first.values() if one.steps not in known]
        return [*self.steps, *(one.steps for one in late)], [*self.seconds, *(one.seconds for one in late)]


class Fits:
    """One row per cost model with two step counts and more.

    A sample is a full batch: one whose every place held a picture. A batch that was rendered twice was measured twice.
    A worker session's first batch of a cost model is left out, for it warms caches and compiles kernels, unless it is
    all there is of its step count.
    """

    def __init__(self) -> None:
        self._measured: dict[CostKey, _Measured] = {}

    def add(self, batch: Batch) -> None:
        """Count a batch of a record that rendered."""
        if batch.stop - batch.start == batch.batch_size:
            sample = _Sample(batch.started_at, batch.effective_steps, batch.seconds / batch.batch_size)
            self._measured.setdefault(cost_key(batch), _Measured()).add(batch.session, sample)

    def samples(self) -> dict[CostKey, list[tuple[int, float]]]:
        """Cost model -> (effective steps, seconds per image) of every sample that counts, in no order."""
        return {key: list(zip(*one.all(), strict=True)) for key, one in self._measured.items()}

    def rows(self) -> tuple[FitRow, ...]:
        """The rows, in the order they are shown."""
        rows = (_row(key, *self._measured[key].all()) for key in sorted(self._measured))
        return tuple(row for row in rows if row is not None)


def _row(key: CostKey, steps: list[int], seconds: list[float]) -> FitRow | None:
    line = fit(steps, seconds)
    if line is None:
        return None
    sure = line.step_interval is not None and line.step_interval[0] > 0
    pair = comparison(line, steps) if sure else None  # a saving is said only of a slope that is not chance
    return FitRow(
        **key._asdict(),
        fixed_s=line.fixed_s,
        s_per_step=line.s_per_step,
        r2=line.r2,
        n=line.n,
        fixed_interval=line.fixed_interval,
        step_interval=line.step_interval,
        compared=pair,
        saved=saving(line, before=pair[0], after=pair[1]) if pair else None,
    )
