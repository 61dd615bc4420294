"""``fetch``, ``verify`` and ``report``: what came of a job."""

from pathlib import Path
from typing import Annotated

import typer

from farm.cli.connect import connect
from farm.cli.output import count, print_json
from farm.errors import UsageError

Job = Annotated[str, typer.Argument(help="The job's id, the beginning of it, or the job's name.")]


def fetch(
    job: Job,
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Made when it is not there.")],
    *,
    force: Annotated[bool, typer.Option("--force", help="Write into a folder that is not empty.")] = False,
) -> None:
    """Bring a job's pictures so far, its results and a contact sheet to a folder."""
    with connect() as farm:
        fetched = farm.fetch(job, folder, force=force)
    sheet = f", contact sheet {fetched.sheet.name}" if fetched.sheet else ""
    typer.echo(f"{count(fetched.images, 'picture')} ({fetched.bytes / 1e6:.1f} MB) in {fetched.folder}{sheet}.")
    if fetched.bad:
        typer.echo(
            f"Missing or damaged in the store: {count(len(fetched.bad), 'picture')}, first {fetched.bad[0]}.", err=True
        )
        raise typer.Exit(1)


def verify(job: Job) -> None:
    """Compare every picture in the store with what its worker recorded."""
    with connect() as farm:
        found = farm.verify(job)
    for title, names in (("missing", found.missing), ("damaged", found.wrong)):
        for name in names:
            typer.echo(f"{title}: {name}")
    typer.echo(f"{count(found.images, 'picture')} checked, {len(found.missing)} missing, {len(found.wrong)} damaged.")
    if not found.ok:
        raise typer.Exit(1)


def report(
    jobs: Annotated[list[str], typer.Argument(metavar="JOB...", help="One job or several.")],
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON; a list for several jobs.")] = False,
    csv: Annotated[str | None, typer.Option("--csv", metavar="FILE", help="Write CSV; - prints it.")] = None,
) -> None:
    """Say what a job cost, per image and per step, and where its workers' seconds went."""
    if csv is not None and (as_json or len(jobs) > 1):
        raise UsageError("--csv writes one job's table: give one job, and no --json.")
    with connect() as farm:
        found = [farm.report(job) for job in jobs]
    if csv == "-":
        typer.echo(found[0].to_csv(), nl=False)
    elif csv is not None:
        _write(Path(csv), found[0].to_csv())
    elif as_json:
        documents = [each.to_json() for each in found]
        print_json(documents[0] if len(documents) == 1 else documents)
    else:
        from farm.report.console import show

        for each in found:
            show(each)


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}.") from error
    typer.echo(f"Wrote {path}.")
