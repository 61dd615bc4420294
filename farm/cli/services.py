"""``coordinator``, ``worker``, ``workers`` and ``doctor``: the processes of a farm, and what they lack."""

import os
import sys
from typing import Annotated

import typer

from farm.cli.connect import connect, read_settings
from farm.doctor.part import Part
from farm.errors import UsageError
from farm.local.home import import_path, python
from farm.local.needs import RENDERING, WORKER, renders

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def coordinator() -> None:
    """Run a coordinator until it is stopped; a second one stands by."""
    from farm.coordinator.loop import main as run

    raise typer.Exit(run(read_settings()))


def worker(
    *,
    name: Annotated[
        str | None, typer.Option("--name", "-n", help="The worker's name; host and number when not given.")
    ] = None,
) -> None:
    """Run a worker for one device: this process becomes `python -m workers`."""
    if not renders():
        raise UsageError(f"A worker needs {', '.join(RENDERING)}: {WORKER}.")
    if name:
        os.environ["FARM_WORKER_NAME"] = name
    os.environ.update(import_path())
    command = python("workers")
    sys.stdout.flush()
    os.execv(command[0], command)  # noqa: S606 no shell: it is our own interpreter


def workers(*, as_json: Json = False) -> None:
    """List the workers that are alive, and what each is doing."""
    from dataclasses import asdict

    from farm.cli.display import NO_WORKER, doing
    from farm.cli.output import print_json, table

    with connect() as farm:
        found = farm.workers()
    if as_json:
        print_json([asdict(worker) for worker in found])
        return
    if not found:
        typer.echo(NO_WORKER)
        return
    rows = [(each.id, each.gpu or each.device, doing(each), each.images_done, each.job_id or "-") for each in found]
    table(("WORKER", "DEVICE", "DOING", "IMAGES", "JOB"), rows)
    for worker in found:
        for sentence in worker.unfit.values():
            typer.echo(f"{worker.id}: {sentence}")


def doctor(
    *,
    part: Annotated[
        Part | None,
        typer.Option("--for", help="Look only at what this process needs to work now: a container's health check."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Say what is reachable, which versions are here, and what to do about each red line.

    Exit code 0: all is well. 2: a setting is wrong. 3: a line is red.
    """
    from farm.cli.output import print_json
    from farm.doctor.doctor import checks

    found = checks(read_settings(), part=part)
    if as_json:
        print_json([{"name": c.name, "ok": c.ok, "detail": c.detail, "advice": c.advice} for c in found])
    else:
        width = max(len(check.name) for check in found)
        for check in found:
            mark = typer.style("ok ", fg="green") if check.ok else typer.style("RED", fg="red", bold=True)
            typer.echo(f"{mark}  {check.name:{width}}  {check.detail}")
            if not check.ok and check.advice:
                typer.echo(f"     {'':{width}}  -> {check.advice}")
    if not all(check.ok for check in found):
        raise typer.Exit(3)
