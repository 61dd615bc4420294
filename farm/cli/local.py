"""``up`` and ``down``: the farm on this machine."""

from typing import Annotated

import typer

from farm.cli.connect import read_settings
from farm.errors import UsageError


def up(
    *,
    workers: Annotated[int, typer.Option("--workers", "-w", help="Worker process trees to start.")] = 1,
    detach: Annotated[bool, typer.Option("--detach", "-d", help="Return once the farm is up.")] = False,
) -> None:
    """Start Redis, an S3 server, a coordinator and workers on this machine."""
    from farm.local.supervisor import up as start

    if workers < 0:
        raise UsageError(f"--workers is {workers}: give how many worker processes to start, 0 or more.")
    start(read_settings(), workers=workers, detach=detach)


def down() -> None:
    """Stop the farm on this machine and whatever an earlier one left behind."""
    from farm.local.supervisor import down as stop

    settings = read_settings()
    if stop(settings):
        typer.echo(f"The farm in {settings.home} is down.")
    else:
        typer.echo(f"No farm was up in {settings.home}.")
