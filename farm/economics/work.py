"""What a plan asks of workers, counted in batches: the ranges it is sent in, and the diffusers calls inside them."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from farm.steps.schedulers import denoiser_calls, effective_steps

if TYPE_CHECKING:
    from farm.manifest.task import RenderTask
    from farm.plan.plan import Plan

#: From this guidance on, diffusers runs the denoiser for the prompt and for the negative prompt.
GUIDED = 1.0
#: Most runs of one batch key that are looked at.
MOST_RUNS = 50_000


def is_guided(guidance_scale: float | None) -> bool:
    """Whether the denoiser runs twice for each picture, as far as can be told from what was asked."""
    return guidance_scale is None or guidance_scale > GUIDED


def calls_per_step(calls: int, steps: int) -> int:
    """Denoiser calls per effective step: 2 for Heun and its like."""
    return max(1, round(calls / max(1, steps)))


class Setting(NamedTuple):
    """What one diffusers call takes, as far as its cost depends on it, and what people call it."""

    queue: str
    model: str
    revision: str
    #: ``auto`` where the worker chooses.
    dtype: str
    size: str
    scheduler: str
    steps: int
    effective_steps: int
    guided: bool
    calls_per_step: int


#: Images of one call.
Calls = tuple[Setting, int]
#: What one range holds: calls and how many of each.
Content = tuple[tuple[Calls, int], ...]


@dataclass(frozen=True, slots=True)
class Work:
    """A job in ranges.

    Args:
        ranges: what a range holds -> how many such ranges there are.
        batch: images of a full batch.
    """

    ranges: Counter[Content]
    batch: int

    def calls(self) -> Counter[Calls]:
        """Each kind of call and how many there are of it."""
        found: Counter[Calls] = Counter()
        for content, times in self.ranges.items():
            for call, count in content:
                found[call] += count * times
        return found


def work_of(plan: "Plan") -> Work | None:
    """The work of a plan; None where its settings change too often to be counted.

    Ranges and batches are cut as the ledger and the workers cut them.
    """
    cutter, left = _Cutter(plan.run.range, plan.run.batch), MOST_RUNS
    for group in plan.groups:
        for setting, start, stop in _runs(plan, group.start, group.stop):
            left -= 1
            if left < 0:
                return None
            cutter.cut(setting, start - group.start, stop - group.start)
        cutter.end()
    return Work(cutter.ranges, plan.run.batch)


def _runs(plan: "Plan", start: int, stop: int) -> Iterator[tuple[Setting, int, int]]:
    """The runs of one batch key among some positions."""
    while start < stop:
        end = min(stop, plan.spot(start).stop)
        yield _setting(plan.task(start)), start, end
        start = end


class _Cutter:
    """Cuts runs of groups into ranges and counts those that are alike.

    Args:
        size: images of a range.
        batch: images of a full batch.
    """

    def __init__(self, size: int, batch: int) -> None:
        self._size, self._batch = size, batch
        self.ranges: Counter[Content] = Counter()
        #: The range that is not full yet.
        self._current: Counter[Calls] = Counter()

    def cut(self, setting: Setting, start: int, stop: int) -> None:
        """Count the next run of a group; its places are counted from the group's first."""
        while start < stop:
            whole = 0 if start % self._size else (stop - start) // self._size
            if whole:
                self.ranges[_content(self._calls(setting, self._size))] += whole
                start += whole * self._size
                continue
            end = min(stop, start - start % self._size + self._size)
            self._current.update(self._calls(setting, end - start))
            start = end
            if start % self._size == 0:
                self.end()

    def end(self) -> None:
        """The range at hand is complete."""
        if self._current:
            self.ranges[_content(self._current)] += 1
            self._current = Counter()

    def _calls(self, setting: Setting, images: int) -> Counter[Calls]:
        full, rest = divmod(images, self._batch)
        found = Counter({(setting, self._batch): full} if full else {})
        if rest:
            found[setting, rest] += 1
        return found


def _content(calls: Counter[Calls]) -> Content:
    return tuple(sorted(calls.items()))


def _setting(task: "RenderTask") -> Setting:
    effective = effective_steps(task.scheduler, task.steps)
    return Setting(
        queue=task.pipeline.queue,
        model=task.pipeline.model,
        revision=task.pipeline.revision or "",
        dtype=task.pipeline.dtype,
        size=f"{task.width}x{task.height}",
        scheduler=task.scheduler,
        steps=task.steps,
        effective_steps=effective,
        guided=is_guided(task.guidance_scale),
        calls_per_step=calls_per_step(denoiser_calls(task.scheduler, task.steps), effective),
    )
