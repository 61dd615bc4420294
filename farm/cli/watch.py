"""``watch``, and the display that ``submit --wait`` shares with it."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from farm.cli.connect import connect
from farm.cli.display import line, panel
from farm.ledger.values import JobState

if TYPE_CHECKING:
    from farm.client import Farm
    from farm.client.status import Status
    from farm.client.watch import Update

#: Seconds between two lines where the display cannot redraw.
LINE_EVERY = 5.0


def watch(
    job: Annotated[str | None, typer.Argument(help="The job; the latest that is not over when not given.")] = None,
) -> None:
    """Watch a job: progress, speed, time left, cost, and what every worker does. Ctrl-C leaves the job running."""
    with connect() as farm:
        found = farm.status(job).job if job else _latest(farm)
        if found is None:
            typer.echo("No job is under way: `farm list` shows them all.")
            return
        ended = stay(farm, found)
    raise typer.Exit(exit_code(ended))


def stay(farm: "Farm", job: str, *, quiet: bool = False) -> "Status":
    """Show a job until it is over; Ctrl-C is passed on with a sentence, and the job goes on."""
    try:
        if quiet:
            return farm.wait(job)
        with display() as show:
            return farm.wait(job, on_update=show)
    except KeyboardInterrupt:
        typer.echo(f"The job goes on: `farm watch {job}` shows it again.", err=True)
        raise


def exit_code(ended: "Status") -> int:
    """0 when every image was made, else 1."""
    return 0 if ended.state is JobState.DONE else 1


@contextmanager
def display() -> "Iterator[Callable[[Update], None]]":
    """What to tell every update: a live display on a terminal, else plain lines."""
    if not sys.stdout.isatty():
        yield Lines().show
        return
    from rich.live import Live

    with Live(refresh_per_second=8) as live:
        yield lambda update: live.update(panel(update))


class Lines:
    """Plain lines: at once when the state changes, else one per `LINE_EVERY` seconds while something moves."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._shown: tuple[JobState, str | None] | None = None
        self._accounted = 0
        self._at = 0.0

    def show(self, update: "Update") -> None:
        """Print the update when it is worth a line."""
        now = update.status
        told = (now.state, now.reason)
        due = now.images.accounted != self._accounted and self._clock() - self._at >= LINE_EVERY
        if told == self._shown and not due:
            return
        self._shown, self._accounted, self._at = told, now.images.accounted, self._clock()
        print(line(update), flush=True)


def _latest(farm: "Farm") -> str | None:
    return next((job.job for job in farm.jobs() if not job.state.over), None)
