"""What a report says, as values; `Report.to_json` is what ``farm report --json`` prints.

Durations are seconds, costs are in `currency` units; a figure that does not exist is null, never a made-up zero.
"""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True)


class Totals(_Value):
    """The job in one line: every attempt's busy seconds are in it, wasted and loading ones too."""

    #: Pictures, and the effective steps that they ran.
    images: int
    steps: int
    gpu_s: float
    cost_usd: float | None
    #: Averages with their share of loading and waste.
    s_per_image: float | None
    s_per_step: float | None
    usd_per_image: float | None
    usd_per_step: float | None
    #: Charged seconds that made no picture which counts: a record's busy seconds in the share of its positions that it
    #: did not win, and the load of an attempt that won nothing. `Ledger.wasted_s` classes the same work by measured
    #: spans, between the job's start and end: it knows which batch a second went into, where this takes a record's
    #: evenly; it leaves out what a worker was charged outside that time, and holds what no record is charged for, as
    #: when a worker died before its first renewal. A lost attempt ends with its last renewal in both.
    wasted_s: float
    #: Busy seconds of workers without a price, which `cost_usd` leaves out.
    unpriced_s: float = Field(default=0.0, exclude=True)


class Ledger(_Value):
    """Where the seconds of the job's workers went, between its start and its end; the parts add up to `wall_s`.

    `upload_s` overlaps the others and is no part of the sum.
    """

    wall_s: float = 0.0
    start_s: float = 0.0
    load_s: float = 0.0
    encode_prompt_s: float = 0.0
    denoise_s: float = 0.0
    decode_s: float = 0.0
    post_s: float = 0.0
    blocked_s: float = 0.0
    wasted_s: float = 0.0
    idle_s: float = 0.0
    other_s: float = 0.0
    residual_s: float = 0.0
    upload_s: float = 0.0

    def parts(self) -> dict[str, float]:
        """The parts that add up to the wall time, in the order they are shown."""
        return {name: value for name, value in self.model_dump().items() if name not in ("wall_s", "upload_s")}


class GroupRow(_Value):
    """What the pictures of one setting cost on one kind of worker; load and waste are in the totals alone."""

    model: str
    scheduler: str
    #: ``1024x1024``.
    size: str
    steps: int
    effective_steps: int
    denoiser_calls: int
    guidance_scale: float | None
    gpu: str
    dtype: str
    #: The largest batch that was used.
    batch_size: int
    images: int
    s_per_image: float
    #: `s_per_image` over effective steps: the share of the fixed part is in it.
    s_per_step: float
    usd_per_image: float | None
    usd_per_step: float | None


class FitRow(_Value):
    """The cost model of one pipeline, size, worker kind and batch size: `farm.economics.fit`."""

    model: str
    size: str
    gpu: str
    dtype: str
    batch_size: int
    fixed_s: float
    #: The slope: what one more effective step costs an image.
    s_per_step: float
    r2: float
    n: int
    #: Bounds of the 95 % confidence intervals; None for two samples.
    fixed_interval: tuple[float, float] | None = Field(default=None, exclude=True)
    step_interval: tuple[float, float] | None = Field(default=None, exclude=True)
    #: What else the line holds for: classifier-free guidance, and denoiser calls per step.
    guided: bool = Field(default=True, exclude=True)
    calls_per_step: int = Field(default=1, exclude=True)
    revision: str | None = Field(default=None, exclude=True)
    #: Two step counts, more steps first, and the share of the time that going to the second saves.
    compared: tuple[int, int] | None = Field(default=None, exclude=True)
    saved: float | None = Field(default=None, exclude=True)

    @property
    def sentence(self) -> str | None:
        """What fewer steps save, against what the steps alone would promise; None where nothing can be compared."""
        if self.compared is None or self.saved is None:
            return None
        more, fewer = self.compared
        promised = round(100 * (1 - fewer / more))
        measured = min(promised, round(100 * self.saved))  # noise can make the fixed part negative; nothing else can
        said = f"{more} -> {fewer} steps saves {measured} % on this model and worker"
        return f"{said}, not {promised} %" if measured < promised else f"{said}, as the steps promise"


class QualityRow(_Value):
    """How close the pictures of a step count come to those of the most steps, same prompt, seed and setting.

    The last row of a setting is that of the most steps itself: it is like itself, and that is no measurement.
    """

    model: str
    scheduler: str
    size: str
    steps: int
    #: Means over the prompts and seeds; no PSNR, in decibels, of a picture to itself.
    ssim: float
    psnr: float | None
    #: Of the cost of an image against the most steps, on the kind of worker that drew most of them.
    saved_fraction: float | None
    #: Standard deviations over the prompts and seeds; None of one.
    ssim_spread: float | None = None
    psnr_spread: float | None = None
    #: Prompts and seeds that were compared: a sample where a job has more.
    n: int = 0
    s_per_image: float | None = None
    usd_per_image: float | None = None
    #: SSIM gained over the step count below, per second and per hundredth of the currency that an image costs more.
    ssim_per_s: float | None = None
    ssim_per_cent: float | None = None


class SweetSpot(_Value):
    """The step count worth paying for, and why; None where there is none, and why not."""

    model: str
    scheduler: str
    size: str
    steps: int | None
    reason: str
    #: Probability that `steps` is within `tolerance`, in SSIM, of the plateau: what the two highest step counts reach.
    confidence: float | None = None
    saved_fraction: float | None = None
    ssim: float | None = None
    plateau: float | None = None
    tolerance: float = 0.0


class Report(_Value):
    """What one job cost and where its seconds went."""

    job: str
    #: None when no worker of the job had a price.
    currency: str | None
    totals: Totals
    ledger: Ledger
    groups: tuple[GroupRow, ...]
    fits: tuple[FitRow, ...]
    quality: tuple[QualityRow, ...] = ()
    sweet_spots: tuple[SweetSpot, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """The report as JSON values, fields as DESIGN section 7 names them."""
        return self.model_dump(mode="json")

    def to_csv(self) -> str:
        """The groups as CSV with a header, one row each; an unknown figure is an empty cell."""
        import csv
        import io

        out = io.StringIO()
        writer = csv.DictWriter(out, list(GroupRow.model_fields), lineterminator="\n")
        writer.writeheader()
        writer.writerows(row.model_dump() for row in self.groups)
        return out.getvalue()
