"""What a finished job measured, for the quotes of later ones."""

import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from farm.economics.costs import CostRow, JobCosts, KindRow, LoadRow
from farm.economics.sums import Sums
from farm.report.measured import Attempt

if TYPE_CHECKING:
    from farm.plan.plan import Plan
    from farm.report.load import Measured

#: Seconds. A pipeline that was in memory already is found in less.
_LOAD = 0.05
#: Seconds. A worker that waited longer between two ranges waited for something else than its next message.
_GAP = 2.0


def costs_of(plan: "Plan", measured: "Measured") -> JobCosts | None:
    """The sums of a job; None when it measured nothing.

    Args:
        plan: the job's plan: what was loaded for a range.
        measured: what its tables come to.
    """
    if measured.started_at is None:
        return None
    rows = [
        CostRow(**key._asdict(), sums=Sums.of(samples))
        for key, samples in sorted(measured.fits.samples().items())
        if samples
    ]
    if not rows:
        return None
    return JobCosts(
        job=plan.job_id,
        started_at=measured.started_at,
        rows=tuple(rows),
        loads=tuple(_loads(plan, measured.attempts)),
        kinds=tuple(_kinds(measured)),
    )


def _loads(plan: "Plan", attempts: Sequence[Attempt]) -> Iterator[LoadRow]:
    found: dict[tuple[str, str, str], list[float]] = defaultdict(list)
    for one in attempts:
        if one.load_s >= _LOAD:
            pipeline = plan.group_of(one.start).pipeline
            found[pipeline.model, pipeline.revision or "", one.gpu].append(one.load_s)
    for (model, revision, gpu), seconds in sorted(found.items()):
        yield LoadRow(model=model, revision=revision, gpu=gpu, loads=len(seconds), seconds=math.fsum(seconds))


def _kinds(measured: "Measured") -> Iterator[KindRow]:
    """What each kind of worker spent on attempts of which every picture counts: those that failed are no rule."""
    busy: dict[str, float] = defaultdict(float)
    price: dict[str, float | None] = {}
    for one in measured.attempts:
        if one.won == one.stop - one.start:
            busy[one.gpu] += max(0.0, one.busy_s - one.load_s)
            price[one.gpu] = one.price_per_hour
    batches: dict[str, float] = defaultdict(float)
    for row in measured.groups.rows():
        batches[row.gpu] += row.s_per_image * row.images
    gaps = _gaps(measured.attempts)
    for gpu in sorted(busy):
        yield KindRow(
            gpu=gpu, price_per_hour=price[gpu], busy_s=busy[gpu], batch_s=batches[gpu], gap_s=gaps.get(gpu, 0.0)
        )


def _gaps(attempts: Sequence[Attempt]) -> dict[str, float]:
    """Kind of worker -> seconds between the end of one range on the GPU and the claim of the same worker's next."""
    found: dict[str, float] = defaultdict(float)
    ends: dict[str, tuple[str, float]] = {}
    for one in sorted(attempts, key=lambda each: each.claimed_at):
        token, end = ends.get(one.worker, ("", -math.inf))
        if token == one.token:  # another record of the same attempt goes on where the last one ended
            ends[one.worker] = (token, end + one.busy_s)
            continue
        if 0 < one.claimed_at - end <= _GAP:
            found[one.gpu] += one.claimed_at - end
        ends[one.worker] = (one.token, one.claimed_at + one.busy_s)
    return found
