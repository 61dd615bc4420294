"""A bar for what takes long over many pictures: on a terminal only, and on stderr, so that output stays clean."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from farm.client.tally import Tally


@contextmanager
def bar(title: str) -> "Iterator[Callable[[Tally], None] | None]":
    """What to tell how far it has come; None where nobody looks."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[bytes]:.0f} MB"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(title, total=None, bytes=0.0)

        def show(tally: "Tally") -> None:
            """Move the bar."""
            done = tally.images + len(tally.bad)
            progress.update(task, completed=done, total=tally.total, bytes=tally.bytes / 1e6)

        yield show
