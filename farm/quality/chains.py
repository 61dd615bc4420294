"""Which pictures of a job are compared: chains of one prompt, seed and setting that differ in their steps alone."""

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

from farm.economics.quality import Setting
from farm.manifest.task import BatchKey, RenderTask

if TYPE_CHECKING:
    from farm.plan.plan import Plan

#: Chains of one setting that are looked at, and pictures of a job: so many say enough, and a report stays quick.
CHAINS, PICTURES = 24, 600
#: Stretches of a plan, one for each batch key, that are looked at.
_RUNS = 200
#: Tasks of a stretch that are searched where it does not hold what another one holds, in the same order.
_SEARCHED = 1000


@dataclass(frozen=True, slots=True)
class Chain:
    """Pictures that differ in nothing but their steps.

    Args:
        setting: the curve that it belongs to.
        names: steps -> name of the picture inside the job's folder, fewest steps first.
    """

    setting: Setting
    names: Mapping[int, str]


class _Run(NamedTuple):
    """Consecutive positions of one batch key."""

    steps: int
    start: int
    stop: int


def pick(plan: "Plan") -> list[Chain]:
    """The chains to compare: a sample of bounded size, spread evenly over each setting, the same one every time.

    Every chain has all step counts of its setting; a job whose steps are no axis has none.
    """
    families = [runs for runs in _families(plan) if len(runs) > 1]
    most = PICTURES // max(1, sum(map(len, families)))
    return [chain for runs in families for chain in _chains(plan, runs, most=max(1, min(CHAINS, most)))]


def _families(plan: "Plan") -> list[list[_Run]]:
    """Stretches whose batch keys differ in their steps alone, fewest steps first."""
    found: dict[BatchKey, list[_Run]] = defaultdict(list)
    position = 0
    for _ in range(_RUNS):
        if position >= plan.images:
            break
        key, stop = plan.task(position).batch_key, plan.spot(position).stop
        found[replace(key, steps=0)].append(_Run(key.steps, position, stop))
        position = stop
    return [sorted(runs) for runs in found.values()]


def _chains(plan: "Plan", runs: Sequence[_Run], *, most: int) -> Iterator[Chain]:
    """Chains through these stretches, from the shortest one's tasks, evenly spread."""
    base = min(runs, key=lambda run: run.stop - run.start)
    size = base.stop - base.start
    searched: dict[_Run, dict[str, RenderTask]] = {}
    for number in range(min(most, size)):
        offset = number * size // min(most, size)
        task = plan.task(base.start + offset)
        found = [_same(plan, run, offset, _drawn(task), searched) for run in runs]
        tasks = [each for each in found if each is not None]
        if len(tasks) == len(runs):
            setting = Setting(task.pipeline.model, task.scheduler, f"{task.width}x{task.height}")
            yield Chain(setting, {each.steps: plan.image_name(each) for each in tasks})


def _same(
    plan: "Plan", run: _Run, offset: int, drawn: str, searched: dict[_Run, dict[str, RenderTask]]
) -> RenderTask | None:
    """The task of a stretch that draws the same: at the same place in it where axes are independent, else searched."""
    task = plan.task(min(run.start + offset, run.stop - 1))
    if _drawn(task) == drawn:
        return task
    if run not in searched:
        first = plan.tasks(run.start, min(run.stop, run.start + _SEARCHED))
        searched[run] = {_drawn(each): each for each in first}
    return searched[run].get(drawn)


def _drawn(task: RenderTask) -> str:
    """What the pictures of a chain have in common: all that decides a picture but its steps."""
    return json.dumps(task.content() | {"steps": None}, sort_keys=True, default=str)
