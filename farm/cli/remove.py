"""``rm``: remove a job for good."""

import sys
from typing import Annotated

import typer

from farm.cli.connect import connect
from farm.cli.output import count
from farm.errors import UsageError


def remove(
    job: Annotated[str, typer.Argument(help="The job's id, the beginning of it, or the job's name.")],
    *,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Remove a job that is over, with its pictures, from the store; what was fetched stays."""
    with connect() as farm:
        found = farm.removable(job)
        if not yes:
            _ask(found)
        try:
            removed = farm.remove(found)
        except KeyboardInterrupt:
            typer.echo("Interrupted: run the same command again to remove the rest.", err=True)
            raise
    typer.echo(f"Job {removed.job} is removed: {count(removed.objects, 'object')} deleted.")


def _ask(job: str) -> None:
    """Ask once; without somebody to answer, nothing is removed."""
    if not sys.stdin.isatty():
        raise UsageError(f"Removing {job} deletes its pictures: add --yes where nobody can be asked.")
    if not typer.confirm(f"Remove job {job} with all its pictures, for good?"):
        typer.echo("Nothing was removed.")
        raise typer.Exit(1)
