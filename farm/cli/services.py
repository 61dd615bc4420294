"""``coordinator``, ``worker`` and ``doctor``: the processes of a farm, and what keeps them from running."""

import importlib.util
import os
import sys
from typing import Annotated

import typer

from farm.cli.connect import read_settings
from farm.errors import UsageError


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
    if importlib.util.find_spec("torch") is None:
        raise UsageError("A worker needs the libraries of the extra 'worker': pip install 'stepfarm[worker]'.")
    if name:
        os.environ["FARM_WORKER_NAME"] = name
    sys.stdout.flush()
    os.execv(sys.executable, [sys.executable, "-m", "workers"])  # noqa: S606 no shell: it is our own interpreter


def doctor(
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Say what is reachable, which versions are here, and what to do about each red line."""
    from farm.cli.output import print_json
    from farm.doctor import checks

    found = checks(read_settings())
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
