"""``demo``: a farm of its own, one small job, its report and its pictures; then nothing is left running."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from farm.cli.connect import read_settings
from farm.cli.watch import display, exit_code
from farm.client.fetch import SHEET
from farm.client.folder import prepare

if TYPE_CHECKING:
    from farm.settings import Settings

MANIFEST = Path(__file__).parent.parent / "examples" / "shapes.yaml"
#: Where the pictures go unless told otherwise; an earlier demo's are written over.
OUTPUT = Path("farm-output")


def demo(
    *,
    keep: Annotated[bool, typer.Option("--keep", help="Keep the demo's farm folder, FARM_HOME/demo.")] = False,
    output: Annotated[
        Path | None, typer.Option("--output", metavar="DIR", help=f"Folder for the pictures; {OUTPUT} when not given.")
    ] = None,
) -> None:
    """Render a small job on a farm of its own, print what it cost, and show the pictures."""
    from farm.client import Farm
    from farm.local.needs import require
    from farm.report.console import show

    require(workers=1, environment={})  # before anything is made: its services are its own
    folder = output or OUTPUT
    prepare(folder, force=output is None)
    home = read_settings().home / "demo"
    typer.echo(f"Starting Redis, an S3 server, a coordinator and one worker in {home} ...")
    with _own_farm(home, keep=keep) as settings, Farm.connect(settings) as farm:
        job = farm.submit(MANIFEST, again=True)
        typer.echo(f"Rendering {job.images} images of {MANIFEST} ...")
        with display() as on_update:
            ended = farm.wait(job.job, on_update=on_update)
        show(farm.report(job.job))
        fetched = farm.fetch(job.job, folder, force=True)
    typer.echo(f"{fetched.images} pictures and their contact sheet, {SHEET}, are in {folder.resolve()}")
    raise typer.Exit(exit_code(ended))


@contextmanager
def _own_farm(home: Path, *, keep: bool) -> "Iterator[Settings]":
    """A farm that disturbs no other one; its folder goes with it unless kept, also after Ctrl-C."""
    from farm.local.launch import local_farm

    ours = False
    try:
        with local_farm(home) as settings:
            ours = True
            try:
                yield settings
            finally:
                typer.echo("Stopping the farm ...")
    finally:
        if ours and not keep:
            shutil.rmtree(home, ignore_errors=True)
