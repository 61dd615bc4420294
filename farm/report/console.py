"""The report in a terminal: cost per image and per step, where the seconds went, what fewer steps save and show."""

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import TYPE_CHECKING

from rich.console import Group
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from farm.report.figures import duration, figure, share, short_model
from farm.report.values import FitRow, GroupRow, Ledger, QualityRow, Report

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

_BAR = 24
#: Field of the ledger -> what a reader calls it.
_PARTS = {
    "start_s": "start",
    "load_s": "load the model",
    "encode_prompt_s": "encode prompts",
    "denoise_s": "denoise",
    "decode_s": "decode",
    "post_s": "post-process",
    "blocked_s": "blocked on upload",
    "wasted_s": "wasted",
    "idle_s": "idle",
    "other_s": "other jobs",
    "residual_s": "not accounted for",
}


def show(report: Report, console: "Console | None" = None) -> None:
    """Print a report, by default to the terminal; legible from 80 columns on."""
    from rich.console import Console

    (console or Console(highlight=False)).print(render(report))


def render(report: Report) -> Group:
    """The whole report as one thing that rich can print."""
    return Group(*_sections(report))


def _sections(report: Report) -> "Iterator[RenderableType]":
    yield Text(f"Report on {report.job}", style="bold")
    yield from _summary(report)
    for about, rows in groupby(report.groups, key=_about):
        yield _groups_table(about, list(rows), report.currency)
    if report.ledger.wall_s > 0:
        yield _ledger_table(report.ledger)
    yield from _fits(report.fits)
    yield from _quality(report)


def _about(row: GroupRow | FitRow) -> str:
    """What the rows of one table share."""
    return f"{short_model(row.model)}, {row.size}, {row.gpu}, {row.dtype}"


def _summary(report: Report) -> Iterator[str]:
    total = report.totals
    if not total.images:
        yield f"No picture yet; {duration(total.gpu_s)} of worker time were spent."
        return
    yield (
        f"{total.images} images, {total.steps} steps, {duration(total.gpu_s)} of worker time with load and waste:\n"
        f"{figure(total.s_per_image)} s per image, {figure(total.s_per_step)} s per step."
    )
    if report.currency is None:
        yield "Cost unknown: no worker of it had a price. Set FARM_PRICE_PER_HOUR where workers start."
        return
    yield (
        f"Cost {figure(total.cost_usd)} {report.currency}: {figure(total.usd_per_image)} per image,"
        f" {figure(total.usd_per_step)} per step."
    )
    if total.unpriced_s > 0:
        yield f"{duration(total.unpriced_s)} of workers without a price are not in the cost."


def _groups_table(about: str, rows: Sequence[GroupRow], currency: str | None) -> Table:
    """What each setting cost; without a price there are no columns of cost."""
    table = Table(title=escape(f"\n{about}"), title_justify="left", title_style="bold", header_style="dim", box=None)
    table.add_column("Scheduler", overflow="fold")
    for name in ("Steps", "CFG", "Images", "Batch", "s/image", "s/step"):
        table.add_column(name, justify="right", no_wrap=True)
    if currency:
        for name in ("image", "step"):
            table.add_column(f"{currency}/{name}", justify="right", no_wrap=True)
    for row in rows:
        guidance = "-" if row.guidance_scale is None else f"{row.guidance_scale:g}"
        cells = [escape(row.scheduler), _steps(row), guidance, str(row.images), str(row.batch_size)]
        cells += [figure(row.s_per_image), figure(row.s_per_step)]
        cells += [figure(row.usd_per_image), figure(row.usd_per_step)] if currency else []
        table.add_row(*cells)
    return table


def _steps(row: GroupRow) -> str:
    """The steps asked for, and those that ran where they differ."""
    return str(row.steps) if row.steps == row.effective_steps else f"{row.steps} ({row.effective_steps} run)"


def _ledger_table(ledger: Ledger) -> Table:
    """Every second of the workers between the job's start and its end; the shares add up to the whole."""
    table = Table(
        title="\nWhere the workers' seconds went",
        title_justify="left",
        title_style="bold",
        header_style="dim",
        box=None,
    )
    table.add_column("Part")
    table.add_column("Seconds", justify="right")
    table.add_column("Share", justify="right")
    table.add_column("")
    for name, value in ledger.parts().items():
        if value or name == "residual_s":
            bar = "█" * round(_BAR * max(0.0, value) / ledger.wall_s)
            table.add_row(_PARTS[name], f"{value:.2f}", share(value, ledger.wall_s), Text(bar, style="cyan"))
    table.add_section()
    table.add_row("wall time", f"{ledger.wall_s:.2f}", "100.0 %", style="bold")
    if ledger.upload_s:
        table.add_row("upload, meanwhile", f"{ledger.upload_s:.2f}", share(ledger.upload_s, ledger.wall_s), style="dim")
    return table


def _fits(fits: Sequence[FitRow]) -> "Iterator[RenderableType]":
    """The cost model lines, and the sentence of the line with the most samples of each pipeline and worker."""
    if not fits:
        yield "\nNo cost model yet: it needs two step counts or more in one job."
        return
    yield Text("\nSeconds per image = fixed + per step x effective steps", style="bold")
    for about, rows in groupby(fits, key=_about):
        lines = list(rows)
        yield escape(about)
        for row in lines:
            yield from _fit_lines(row)
        best = max(lines, key=lambda row: row.n)
        if best.sentence:
            yield Text(f"  {best.sentence}.", style="bold green")
        elif best.step_interval is None or best.step_interval[0] <= 0:
            yield "  Too few batches to say what fewer steps would save."


def _fit_lines(row: FitRow) -> Iterator[str]:
    also = ("" if row.guided else ", no guidance") + ("" if row.calls_per_step == 1 else ", 2 calls per step")
    batches = "batch" if row.n == 1 else "batches"
    yield (
        f"  {figure(row.fixed_s)} s + {figure(row.s_per_step)} s x steps   R2 {row.r2:.4f},"
        f" {row.n} {batches} of {row.batch_size}{also}"
    )
    if row.fixed_interval and row.step_interval:
        fixed, step = (" to ".join(map(figure, bounds)) for bounds in (row.fixed_interval, row.step_interval))
        yield f"  [dim]95 % sure: fixed {fixed} s, per step {step} s[/dim]"


def _quality(report: Report) -> "Iterator[RenderableType]":
    """Similarity to the most steps and what it costs, and the sentence on each setting's sweet spot."""
    cents = report.currency if any(row.ssim_per_cent is not None for row in report.quality) else None
    for (model, size), rows in groupby(report.quality, key=lambda row: (row.model, row.size)):
        yield _quality_table(f"Quality against steps: {short_model(model)}, {size}", list(rows), cents)
    for spot in report.sweet_spots:
        yield Text(f"{spot.scheduler}: {spot.reason}", style="bold green" if spot.steps else "")


def _quality_table(about: str, rows: Sequence[QualityRow], cents: str | None) -> Table:
    table = Table(title=escape(f"\n{about}"), title_justify="left", title_style="bold", header_style="dim", box=None)
    table.add_column("Scheduler", overflow="fold")
    for name in ("Steps", "SSIM", "+-", "PSNR", "Saved", f"SSIM/0.01 {cents}" if cents else "SSIM/s", "n"):
        table.add_column(name, justify="right", no_wrap=True)
    for row in rows:
        gained = row.ssim_per_cent if cents else row.ssim_per_s
        alike = ["1", "-", "-"] if row.psnr is None else [f"{row.ssim:.4f}", figure(row.ssim_spread), f"{row.psnr:.1f}"]
        saved = "-" if row.saved_fraction is None else f"{100 * row.saved_fraction:.0f} %"
        table.add_row(escape(row.scheduler), str(row.steps), *alike, saved, figure(gained), str(row.n))
    return table
