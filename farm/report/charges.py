"""What each attempt is charged, and how much of it the fold calls waste."""

import math
from collections import defaultdict
from collections.abc import Collection, Sequence

from farm.economics.cost import Bill, ratio
from farm.report.measured import Attempt
from farm.report.values import Totals


def busy_seconds(attempts: Collection[Attempt]) -> list[float]:
    """Seconds of the GPU thread that each record is charged, in the order of the records.

    The record of a lost attempt counts the attempt's seconds up to its last renewal; what a worker that was only slow
    recorded itself under the same token is taken off, so that no second is paid twice.
    """
    recorded: dict[str, float] = defaultdict(float)
    lost = {one.token for one in attempts if one.lost}
    for one in attempts:
        if not one.lost and one.token in lost:
            recorded[one.token] += one.busy_s
    return [max(0.0, one.busy_s - recorded[one.token]) if one.lost else one.busy_s for one in attempts]


def wasted_seconds(attempts: Collection[Attempt], busy: Sequence[float]) -> float:
    """Busy seconds that made no picture which counts; a load is waste when its whole attempt won nothing."""
    winners = {one.token for one in attempts if one.won}
    return math.fsum(
        _wasted(one, seconds, in_vain=one.token not in winners) for one, seconds in zip(attempts, busy, strict=True)
    )


def _wasted(attempt: Attempt, busy: float, *, in_vain: bool) -> float:
    load = min(attempt.load_s, busy)
    kept = attempt.won / max(1, attempt.stop - attempt.start)
    return (busy - load) * (1 - kept) + (load if in_vain else 0.0)


def totals(attempts: Collection[Attempt], *, steps: int) -> Totals:
    """The job in one line.

    Args:
        attempts: all its records.
        steps: effective steps of the pictures that count.
    """
    busy = busy_seconds(attempts)
    bill = Bill()
    for one, seconds in zip(attempts, busy, strict=True):
        bill.add(seconds, one.price_per_hour)
    images = sum(one.won for one in attempts)
    return Totals(
        images=images,
        steps=steps,
        gpu_s=bill.seconds,
        cost_usd=bill.usd,
        s_per_image=ratio(bill.seconds, images),
        s_per_step=ratio(bill.seconds, steps),
        usd_per_image=ratio(bill.usd, images),
        usd_per_step=ratio(bill.usd, steps),
        wasted_s=wasted_seconds(attempts, busy),
        unpriced_s=bill.unpriced_s,
    )
