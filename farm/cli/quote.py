"""What ``plan`` says of time and money."""

import time
from contextlib import suppress
from typing import TYPE_CHECKING

import typer

from farm.cli.connect import connect
from farm.cli.output import count, moment, seconds, table
from farm.errors import ServiceError

if TYPE_CHECKING:
    from farm.economics.fitting import Fitting
    from farm.economics.quote import GroupQuote, Option, Quote, Unknown
    from farm.plan.plan import Plan

#: Said where nothing is known.
HINT = (
    "Render a few first: a small job of the same model, size and run.batch, at two step counts, with three full "
    "batches and more; then ask again."
)


def ask(plan: "Plan") -> "Quote | Unknown | None":
    """The farm's quote; None where no farm can be asked, for a plan needs none."""
    with suppress(ServiceError), connect() as farm:
        return farm.quote(plan)
    return None


def show(found: "Quote | Unknown | None") -> None:
    """Print a quote as tables: the whole job by number of workers, and every setting."""
    from farm.economics.quote import Unknown

    if found is None:
        return
    if isinstance(found, Unknown):
        typer.echo(f"Time and cost: unknown. {' '.join(found.reasons)}\n{HINT}")
        return
    typer.echo(headline(found))
    titles = ["WORKERS", "DEVICE", "DONE IN", "BETWEEN", "GPU TIME", "COST"]
    table(titles, [_option(each) for each in found.options])
    titles = ["MODEL", "SCHEDULER", "SIZE", "STEPS", "IMAGES", "DEVICE", "GPU TIME", "BETWEEN", "PER IMAGE"]
    table(titles, [_group(each) for each in found.groups])
    for note in found.notes:
        typer.echo(f"note: {note}", err=True)


def show_deadline(plan: "Plan", found: "Quote | Unknown | None") -> None:
    """Print whether a plan meets its deadline, and what would let it."""
    from farm.economics.quote import Quote

    if plan.run.deadline is None or not isinstance(found, Quote):
        return
    with suppress(ServiceError), connect() as farm:
        ways = farm.fitting(plan, left_s=plan.run.deadline - time.time())
        if ways is not None:
            typer.echo(deadline(ways, plan.run.deadline))


def deadline(ways: "Fitting", at: float) -> str:
    """Whether a deadline is met, and if not, each way by which it would be, with what it gives up."""
    ends = at + ways.wall_s - ways.left_s
    if ways.fits:
        return f"It ends about {moment(ends)}: {seconds(ways.left_s - ways.wall_s)} before {moment(at)}."
    found = [
        f"{count(ways.workers, 'worker')}" if ways.workers else "",
        f"{count(ways.steps, 'step')} at most" if ways.steps else "",
        f"{count(ways.images, 'image')} as they are" if ways.images else "",
    ]
    fits = ", or ".join(filter(None, found))
    late = f"As it is it would end {moment(ends)}, {seconds(ways.wall_s - ways.left_s)} after {moment(at)}."
    return f"{late} What fits: {fits}." if fits else f"{late} Nothing of it fits."


def headline(found: "Quote") -> str:
    """The quote in one line."""
    cost = "" if found.usd is None else f", {money(found.usd)}"
    return (
        f"Time and cost, from {count(found.jobs, 'job')}: {seconds(found.seconds)} of GPU time "
        f"({between(found.low, found.high)}){cost}, done in {seconds(found.wall_s)}."
    )


def money(usd: float | None) -> str:
    """An amount for a person; a dash where no worker has a price."""
    return "-" if usd is None else f"{usd:.4f} USD" if usd < 1 else f"{usd:.2f} USD"


def between(low: float, high: float) -> str:
    """A 95 % interval of seconds for a person."""
    return f"{seconds(low)} - {seconds(high)}"


def _option(option: "Option") -> list[str]:
    bounds = between(option.wall_low, option.wall_high)
    return [
        str(option.workers), option.gpu, seconds(option.wall_s), bounds, seconds(option.seconds), money(option.usd)
    ]  # fmt: skip


def _group(group: "GroupQuote") -> list[str]:
    each = f"{group.seconds / group.images:.3f} s"
    bounds = between(group.low, group.high)
    return [
        group.model, group.scheduler, group.size, str(group.steps), str(group.images), group.gpu,
        seconds(group.seconds), bounds, each,
    ]  # fmt: skip
