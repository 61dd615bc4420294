"""The rows of a report that say what steps are worth: similarity, what fewer steps save, and the sweet spots."""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev

from farm.economics.quality import (
    SURE,
    TOLERANCE,
    Curve,
    Finding,
    Score,
    Setting,
    Why,
    curves,
    marginal,
    order,
    saved,
    sweet_spot,
)
from farm.report.fits import calls_per_step, guided
from farm.report.values import FitRow, GroupRow, QualityRow, SweetSpot
from farm.steps.schedulers import SCHEDULERS, Kind

#: A probability is said no higher than this: chains are not quite independent, nor errors quite normal.
_SAID = 0.99
_CENTS = 100.0


@dataclass(frozen=True, slots=True)
class _Costs:
    """What an image of a setting costs by its steps, on one kind of worker.

    Args:
        seconds: steps -> seconds per image.
        usd: steps -> cost per image; empty where the worker has no price.
    """

    seconds: Mapping[int, float]
    usd: Mapping[int, float]

    def saved(self, steps: int, most: int) -> float | None:
        """Share of the cost, or where there is no price of the time, that `steps` instead of `most` save."""
        return saved(self.usd or self.seconds, steps=steps, most=most)


def quality_rows(scores: Iterable[Score], groups: Sequence[GroupRow], fits: Sequence[FitRow]) -> tuple[QualityRow, ...]:
    """A row per setting and step count, the most steps last."""
    return tuple(row for curve in curves(scores) for row in _rows(curve, _costs(curve.setting, groups, fits)))


def sweet_spots(scores: Iterable[Score], groups: Sequence[GroupRow], fits: Sequence[FitRow]) -> tuple[SweetSpot, ...]:
    """One per setting: the step count worth paying for, or a sentence why there is none."""
    return tuple(_sweet_spot(curve, _costs(curve.setting, groups, fits)) for curve in curves(scores))


def _rows(curve: Curve, costs: _Costs) -> Iterable[QualityRow]:
    per_s, per_usd = marginal(curve, costs.seconds), marginal(curve, costs.usd)
    for steps in (*curve.ssim, curve.most):
        ssim, psnr = curve.ssim.get(steps), curve.psnr.get(steps)
        yield QualityRow(
            **curve.setting._asdict(),
            steps=steps,
            ssim=fmean(ssim) if ssim else 1.0,
            psnr=fmean(psnr) if psnr else None,
            saved_fraction=costs.saved(steps, curve.most),
            ssim_spread=_spread(ssim),
            psnr_spread=_spread(psnr),
            n=curve.chains,
            s_per_image=costs.seconds.get(steps),
            usd_per_image=costs.usd.get(steps),
            ssim_per_s=per_s.get(steps),
            ssim_per_cent=per_usd[steps] / _CENTS if steps in per_usd else None,
        )


def _spread(values: Sequence[float] | None) -> float | None:
    return stdev(values) if values and len(values) > 1 else None


def _costs(setting: Setting, groups: Sequence[GroupRow], fits: Sequence[FitRow]) -> _Costs:
    """Costs on the kind of worker that drew most pictures of a setting: as the fit has them, else as measured.

    The fit is free of the first batch of a session, which warms up and is always of one step count.
    """
    kinds: dict[tuple[str, str, float | None], list[GroupRow]] = defaultdict(list)
    for row in groups:
        if (row.model, row.scheduler, row.size) == setting:
            kinds[row.gpu, row.dtype, row.guidance_scale].append(row)
    rows = max(kinds.values(), key=lambda found: sum(row.images for row in found), default=[])
    seconds = _seconds(rows, fits) if rows else {}
    prices = {row.steps: row.usd_per_image / row.s_per_image for row in rows if row.usd_per_image and row.s_per_image}
    return _Costs(seconds, {steps: seconds[steps] * price for steps, price in prices.items()})


def _seconds(rows: Sequence[GroupRow], fits: Sequence[FitRow]) -> dict[int, float]:
    """Seconds per image by steps: on the line of this kind with the most samples that surely rises, else as measured.

    Only noise makes a fixed part negative: the line then goes through nought.
    """
    line = _line(max(rows, key=lambda row: row.steps), fits)
    if line is None:
        return {row.steps: row.s_per_image for row in rows}
    fixed, slope = line.fixed_s, line.s_per_step
    if fixed < 0:
        fixed = 0.0
        slope = math.fsum(row.images * row.effective_steps * row.s_per_image for row in rows) / math.fsum(
            row.images * row.effective_steps**2 for row in rows
        )
    return {row.steps: fixed + slope * row.effective_steps for row in rows}


def _line(row: GroupRow, fits: Sequence[FitRow]) -> FitRow | None:
    """The line with the most samples of a group's model, size, kind of worker and passes that surely rises."""
    about = (row.model, row.size, row.gpu, row.dtype, guided(row), calls_per_step(row))
    lines = [
        line
        for line in fits
        if (line.model, line.size, line.gpu, line.dtype, line.guided, line.calls_per_step) == about
        and line.step_interval is not None
        and line.step_interval[0] > 0
    ]
    return max(lines, key=lambda line: (line.n, line.batch_size), default=None)


def _sweet_spot(curve: Curve, costs: _Costs) -> SweetSpot:
    known = SCHEDULERS.get(curve.setting.scheduler)
    found = sweet_spot(curve, stochastic=known is not None and known.kind is Kind.STOCHASTIC)
    share = None if found.steps is None else costs.saved(found.steps, curve.most)
    named = found.why is Why.FOUND
    return SweetSpot(
        **curve.setting._asdict(),
        steps=found.steps if named else None,
        reason=_REASONS[found.why](
            curve, found, f" and save {_percent(share)} of the {_spent(costs)}" if share else ""
        ),
        confidence=found.confidence,
        saved_fraction=share if named else None,
        ssim=found.ssim,
        plateau=found.plateau,
        tolerance=TOLERANCE,
    )


def _spent(costs: _Costs) -> str:
    return "cost" if costs.usd else "time"


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"


def _sure(confidence: float | None) -> str:
    """A probability in whole percent, rounded down."""
    return f"{math.floor(100 * min(confidence or 0.0, _SAID))} %"


def _found(curve: Curve, found: Finding, saving: str) -> str:
    return (
        f"{found.steps} steps look like {curve.most} (SSIM {found.ssim:.3f} of a plateau {found.plateau:.3f},"
        f" {_sure(found.confidence)} sure){saving}."
    )


def _stochastic(curve: Curve, found: Finding, _: str) -> str:
    """The class says so; what the pictures say stands beside it."""
    *_rest, second = curve.ssim
    return (
        "A stochastic sampler draws fresh noise at every step and does not converge: more steps give another picture,"
        f" not a better one ({second} and {curve.most} steps are alike by SSIM {found.plateau:.3f})."
    )


def _diverges(curve: Curve, found: Finding, _: str) -> str:
    *_rest, second = curve.ssim
    return (
        f"These pictures do not converge: {second} and {curve.most} steps are alike by SSIM {found.plateau:.3f} only,"
        f" and neighbouring step counts hardly come closer (order {order(curve):.1f}; a sampler that converges has 1"
        f" or 2)."
    )


def _rising(curve: Curve, _: Finding, __: str) -> str:
    return f"Still rising at {curve.most} steps: measure more steps than that."


def _short(curve: Curve, _: Finding, __: str) -> str:
    least = next(iter(curve.ssim))
    return f"{least} and {curve.most} steps cannot show where it flattens: measure three step counts or more."


def _unsure(curve: Curve, found: Finding, _: str) -> str:
    if curve.chains == 1:
        return (
            f"{found.steps} steps are within {TOLERANCE} of the plateau for one prompt and seed, which says nothing of"
            " others: measure two or more."
        )
    return (
        f"{found.steps} steps are within {TOLERANCE} of the plateau on average, but {curve.chains} prompts and seeds"
        f" make that only {_sure(found.confidence)} sure, not {_sure(SURE)}: measure more of them."
    )


_REASONS = {
    Why.FOUND: _found,
    Why.STOCHASTIC: _stochastic,
    Why.DIVERGES: _diverges,
    Why.RISING: _rising,
    Why.SHORT: _short,
    Why.UNSURE: _unsure,
}
