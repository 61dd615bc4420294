"""The rows of a report: what each setting cost, and the line through each setting's step counts."""

from collections import defaultdict
from collections.abc import Iterable
from typing import NamedTuple

from farm.economics.cost import Bill, ratio
from farm.economics.fit import comparison, fit, saving
from farm.profile.outcome import Outcome
from farm.profile.record import BatchRecord, WorkerInfo
from farm.report.charges import BatchCharge, batch_seconds
from farm.report.load import JobData
from farm.report.values import FitRow, GroupRow

#: From this guidance on, diffusers runs the denoiser for the prompt and for the negative prompt.
_GUIDED = 1.0


class _Setting(NamedTuple):
    """What the rows of the groups table differ in; sorts as they are shown."""

    model: str
    size: str
    gpu: str
    dtype: str
    scheduler: str
    guidance_scale: float
    steps: int
    effective_steps: int
    denoiser_calls: int


class CostKey(NamedTuple):
    """What one cost model holds for."""

    model: str
    revision: str
    size: str
    gpu: str
    dtype: str
    batch_size: int
    guided: bool
    calls_per_step: int


def cost_key(batch: BatchRecord, worker: WorkerInfo) -> CostKey:
    """The cost model a batch is a sample of.

    Guidance and a second denoiser call per step (Heun) double what a step costs, so they have lines of their own.
    """
    return CostKey(
        model=batch.model,
        revision=batch.revision or "",
        size=f"{batch.width}x{batch.height}",
        gpu=worker.gpu,
        dtype=batch.dtype,
        batch_size=batch.batch_size,
        guided=batch.guidance_scale is None or batch.guidance_scale > _GUIDED,
        calls_per_step=max(1, round(batch.denoiser_calls / max(1, batch.effective_steps))),
    )


def group_rows(charges: Iterable[BatchCharge]) -> tuple[GroupRow, ...]:
    """One row per setting and kind of worker, over the pictures that count."""
    gathered: dict[_Setting, list[BatchCharge]] = defaultdict(list)
    for charge in charges:
        batch = charge.batch
        setting = _Setting(
            model=batch.model,
            size=f"{batch.width}x{batch.height}",
            gpu=charge.attempt.record.worker.gpu,
            dtype=batch.dtype,
            scheduler=batch.scheduler,
            guidance_scale=-1.0 if batch.guidance_scale is None else batch.guidance_scale,
            steps=batch.steps,
            effective_steps=batch.effective_steps,
            denoiser_calls=batch.denoiser_calls,
        )
        gathered[setting].append(charge)
    return tuple(_group_row(setting, gathered[setting]) for setting in sorted(gathered))


def _group_row(setting: _Setting, charges: list[BatchCharge]) -> GroupRow:
    bill = Bill()
    for charge in charges:
        bill.add(charge.seconds, charge.price)
    images = sum(charge.images for charge in charges)
    steps = images * (setting.effective_steps or setting.steps)
    return GroupRow.model_validate(
        setting._asdict()
        | {
            "guidance_scale": charges[0].batch.guidance_scale,
            "batch_size": max(charge.batch.batch_size for charge in charges),
            "images": images,
            "s_per_image": bill.seconds / images,
            "s_per_step": bill.seconds / steps,
            "usd_per_image": ratio(bill.usd, images),
            "usd_per_step": ratio(bill.usd, steps),
        }
    )


def samples(data: JobData) -> dict[CostKey, list[tuple[int, float]]]:
    """Cost model -> (effective steps, seconds per image), one sample per full batch.

    A batch that was rendered twice was measured twice. A worker session's first batch of a cost model is left out, for
    it warms caches and compiles kernels, unless it is all there is of its step count.
    """
    kept: dict[CostKey, list[tuple[int, float]]] = defaultdict(list)
    warming: dict[CostKey, list[tuple[int, float]]] = defaultdict(list)
    seen: set[tuple[str, CostKey]] = set()
    for batch, worker in _full_batches(data):
        key = cost_key(batch, worker)
        sample = batch.effective_steps, batch_seconds(batch) / batch.batch_size
        (kept if (worker.session, key) in seen else warming)[key].append(sample)
        seen.add((worker.session, key))
    for key, late in warming.items():
        known = {steps for steps, _ in kept[key]}
        kept[key].extend(sample for sample in late if sample[0] not in known)
    return kept


def _full_batches(data: JobData) -> list[tuple[BatchRecord, WorkerInfo]]:
    """The rendered batches whose every place held a picture, in the order they were begun."""
    found = [
        (batch, one.record.worker)
        for one in data.attempts
        if one.record.outcome is Outcome.RENDERED
        for batch in one.record.batches
        if batch.stop - batch.start == batch.batch_size
    ]
    return sorted(found, key=lambda pair: pair[0].started_at)


def fit_rows(data: JobData) -> tuple[FitRow, ...]:
    """One row per cost model with two step counts and more."""
    rows = (_fit_row(key, measured) for key, measured in sorted(samples(data).items()))
    return tuple(row for row in rows if row is not None)


def _fit_row(key: CostKey, measured: list[tuple[int, float]]) -> FitRow | None:
    steps, seconds = [one for one, _ in measured], [one for _, one in measured]
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
