"""``fetch``, ``verify`` and ``report``: what came of a job."""

from pathlib import Path
from typing import Annotated

import typer

from farm.cli.bar import bar
from farm.cli.connect import connect
from farm.cli.fetched import lost, redraw, said
from farm.cli.output import count, print_json
from farm.client.fetch import Layout
from farm.errors import UsageError

Job = Annotated[str, typer.Argument(help="The job's id, the beginning of it, or the job's name.")]


def fetch(
    job: Job,
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Made when it is not there.")],
    *,
    webdataset: Annotated[bool, typer.Option("--webdataset", help="As tar shards for WebDataset.")] = False,
    imagefolder: Annotated[
        bool, typer.Option("--imagefolder", help="As a Hugging Face imagefolder with metadata.jsonl.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Write into a folder that holds something else.")] = False,
) -> None:
    """Bring a job's pictures so far and its results to a folder; run again, it brings only what is missing."""
    if webdataset and imagefolder:
        raise UsageError("--webdataset and --imagefolder are two layouts: choose one.")
    layout = Layout.WEBDATASET if webdataset else Layout.IMAGEFOLDER if imagefolder else Layout.FILES
    with connect() as farm:
        try:
            with bar(f"Fetching {job}") as show:
                fetched = farm.fetch(job, folder, layout=layout, force=force, on_progress=show)
        except KeyboardInterrupt:
            typer.echo("Interrupted: what was fetched is kept; run the same command again for the rest.", err=True)
            raise
    for sentence in said(fetched):
        typer.echo(sentence)
    if fetched.bad:
        typer.echo(lost(fetched), err=True)
        raise typer.Exit(1)


def verify(
    job: Job,
    *,
    errors: Annotated[
        Path | None,
        typer.Option("--errors", metavar="FILE.jsonl", help="Write the tasks of bad pictures, ready to submit."),
    ] = None,
) -> None:
    """Compare every picture in the store with what its worker recorded."""
    with connect() as farm:
        with bar(f"Checking {job}") as show:
            found = farm.verify(job, on_progress=show)
        for title, pictures in (("missing", found.missing), ("damaged", found.damaged)):
            for picture in pictures:
                typer.echo(f"{title}: {picture.name}")
        number, damaged = len(found.missing), len(found.damaged)
        typer.echo(f"{count(found.images, 'picture')} checked, {number} missing, {damaged} damaged.")
        if found.ok:
            return
        if errors is not None:
            _write(errors, farm.errors(job, found))
    typer.echo(redraw(job, errors), err=True)
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
