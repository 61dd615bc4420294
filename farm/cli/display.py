"""What ``watch`` shows: a bar, how fast it goes, and what every worker does; pure, from one update."""

from typing import TYPE_CHECKING

from farm.cli.output import percent, seconds

if TYPE_CHECKING:
    from rich.console import RenderableType

    from farm.client.status import Status
    from farm.client.watch import Update
    from farm.ledger.values import WorkerStatus

#: Said instead of the workers when there are none.
NO_WORKER = "No worker is alive: the job waits. `farm worker` starts one, `farm up` a whole farm."


def line(update: "Update") -> str:
    """One line for a terminal that cannot redraw, or a log."""
    now = update.status
    busy = sum(worker.doing not in {"idle", "draining", "waiting"} for worker in update.workers)
    parts = [
        f"{now.job} {now.state}: {now.images.done} of {now.images.total} images ({percent(now)})",
        f"{now.images.failed} failed" if now.images.failed else "",
        speed(update),
        f"{busy} of {len(update.workers)} workers busy" if update.workers and not now.state.over else "",
        _why(update),
    ]
    return ", ".join(part for part in parts if part)


def _why(update: "Update") -> str:
    """Why the job is where it is: its own reason first, which names the lack of workers in its own words."""
    now = update.status
    return now.reason or ("" if now.state.over or update.workers else NO_WORKER)


def speed(update: "Update") -> str:
    """Rates, time left and cost so far, as far as they are known."""
    now = update.status
    parts = [
        "" if update.images_per_s is None else f"{update.images_per_s:.2f} images/s",
        "" if update.steps_per_s is None else f"{update.steps_per_s:.1f} steps/s",
        _left(update),
        late(now),
        f"{seconds(now.gpu_s)} GPU time" if now.gpu_s else "",
        "" if now.cost_usd is None else f"cost {now.cost_usd:.4f} USD",
    ]
    return ", ".join(part for part in parts if part)


def _left(update: "Update") -> str:
    now = update.status
    if now.state.over:
        return ""
    if now.images.accounted == now.images.total:
        return "writing the results"
    return "" if update.eta_s is None else f"{seconds(update.eta_s)} left"


def late(now: "Status") -> str:
    """By how much a job misses its deadline; nothing where it meets it, or has none."""
    if not now.late_s:
        return ""
    return f"{seconds(now.late_s)} late" if now.state.over else f"will be {seconds(now.late_s)} late"


def doing(worker: "WorkerStatus") -> str:
    """What a worker does, with the live step."""
    return f"{worker.doing}, step {worker.step} of {worker.steps}" if worker.steps else worker.doing


def panel(update: "Update") -> "RenderableType":
    """The whole display for a terminal."""
    from rich.console import Group
    from rich.progress_bar import ProgressBar
    from rich.table import Table
    from rich.text import Text

    now = update.status
    head = Text.assemble((now.job, "bold"), "  ", (str(now.state), _COLOURS.get(now.state, "")))
    bar = Table.grid(padding=(0, 1), expand=True)
    bar.add_column(ratio=1)
    bar.add_column(justify="right", no_wrap=True)
    failed = f", {now.images.failed} failed" if now.images.failed else ""
    counted = f"{now.images.done} of {now.images.total}{failed}  {percent(now)}"
    bar.add_row(ProgressBar(total=max(1, now.images.total), completed=now.images.accounted), counted)
    rows: list[RenderableType] = [head, bar, Text(speed(update) or "waiting for the first image", style="dim")]
    if why := _why(update):
        rows.append(Text(why, style="yellow"))
    if update.workers and not now.state.over:
        rows.append(_workers(update))
    return Group(*rows)


_COLOURS = {"running": "cyan", "done": "green", "failed": "red", "paused": "yellow", "cancelled": "yellow"}


def _workers(update: "Update") -> "RenderableType":
    from rich.table import Table

    grid = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for title in ("worker", "device", "doing", "images", "job"):
        grid.add_column(title, no_wrap=True)
    for worker in update.workers:
        grid.add_row(worker.id, worker.gpu, doing(worker), str(worker.images_done), worker.job_id or "")
    return grid
