"""What ``submit`` says while a model's folder travels: a bar on a terminal, else a line; nothing of a small one."""

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import PurePath
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from rich.progress import Progress

    from farm.client.upload import Sent

#: Bytes of an upload that is over before anybody could wonder.
_SMALL = 10_000_000


@contextmanager
def uploading() -> "Iterator[Callable[[Sent], None]]":
    """What to tell how far an upload has come."""
    with ExitStack() as stack:
        yield _bar(stack) if sys.stderr.isatty() else _line


def _line(sent: "Sent") -> None:
    """Say that it begins."""
    if sent.sent == 0 and sent.total > _SMALL:
        typer.echo(f"Uploading {_name(sent)}, {sent.total / 1e9:.2f} GB, to the farm's store.", err=True)


def _bar(stack: ExitStack) -> "Callable[[Sent], None]":
    tasks: dict[str, int] = {}
    found: list[Progress] = []

    def show(sent: "Sent") -> None:
        """Move the bar."""
        from rich.progress import TaskID

        if sent.total <= _SMALL:
            return
        if not found:
            found.append(stack.enter_context(_progress()))
        if sent.model not in tasks:
            tasks[sent.model] = found[0].add_task(f"Uploading {_name(sent)}", total=sent.total)
        found[0].update(TaskID(tasks[sent.model]), completed=sent.sent)

    return show


def _progress() -> "Progress":
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    return Progress(*columns, console=Console(stderr=True), transient=True)


def _name(sent: "Sent") -> str:
    return PurePath(sent.model).name
