"""``plan`` and ``submit``: from a manifest to a job."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated

import typer

from farm.cli.connect import connect
from farm.cli.output import count, print_json, table
from farm.cli.upload import uploading

if TYPE_CHECKING:
    from farm.client import Farm
    from farm.client.submit import Submitted
    from farm.plan.plan import Verdict

Manifest = Annotated[
    str, typer.Argument(help="A manifest (.yaml, .json) or a file of prompts (.txt, .csv, .tsv, .jsonl).")
]
Overrides = Annotated[
    list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Change a field, such as render.steps=20.")
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
By = Annotated[str | None, typer.Option("--by", metavar="07:00", help="When it is to be over; sets run.finish_by.")]
Name = Annotated[str | None, typer.Option("--name", help="The job's name, instead of the manifest's.")]


def plan(
    manifest: Manifest, *, overrides: Overrides = None, name: Name = None, by: By = None, as_json: Json = False
) -> None:
    """Validate a manifest, count what it asks for and quote it; submits nothing, and counts without a farm too."""
    from farm.cli.quote import ask, show, show_deadline
    from farm.client import Farm
    from farm.economics.quote import Quote
    from farm.steps.schedulers import denoiser_calls

    made = Farm.plan(manifest, overrides=[*(overrides or ()), *([f"run.finish_by={by}"] if by else [])], name=name)
    quoted = ask(made)
    if as_json:
        print_json(
            {
                "images": made.images,
                "steps": made.steps,
                "groups": made.summary(),
                "verdicts": [{"level": str(each.level), "message": each.message} for each in made.verdicts],
                "quote": quoted.to_json() if isinstance(quoted, Quote) else None,
            }
        )
        return
    typer.echo(f"Job {made.job_id}: {count(made.images, 'image')}, {count(made.steps, 'step')}.")
    groups = made.summary()
    calls = [{"denoiser_calls": denoiser_calls(each["scheduler"], each["steps"])} for each in groups]
    columns = ["model", "scheduler", "size", "steps", "effective_steps", "images"]
    if any(own["denoiser_calls"] != each["effective_steps"] for own, each in zip(calls, groups, strict=True)):
        columns.insert(-1, "denoiser_calls")
    rows = [each | own for each, own in zip(groups, calls, strict=True)]
    table([column.upper().replace("_", " ") for column in columns], [[row[c] for c in columns] for row in rows])
    show(quoted)
    show_deadline(made, quoted)
    warn(made.verdicts)


def submit(  # noqa: PLR0913 one argument per option
    manifest: Manifest,
    *,
    overrides: Overrides = None,
    name: Name = None,
    wait: Annotated[bool, typer.Option("--wait", help="Stay and watch until the job is over.")] = False,
    again: Annotated[bool, typer.Option("--again", help="Make a new job of a manifest submitted before.")] = False,
    as_json: Json = False,
) -> None:
    """Submit a job; the same manifest again is the same job."""
    with connect() as farm:
        with uploading() as on_sent:
            job = farm.submit(manifest, overrides=overrides or (), name=name, again=again, on_sent=on_sent)
        warn(job.verdicts)
        if as_json and not wait:
            print_json(job.to_json())
            return
        if not as_json:
            typer.echo(sentence(job))
        if wait:
            _wait(farm, job, as_json=as_json)


def warn(verdicts: "Iterable[Verdict]") -> None:
    """Print a plan's notes and warnings to stderr."""
    for verdict in verdicts:
        typer.echo(f"{verdict.level}: {verdict.message}", err=True)


def sentence(job: "Submitted") -> str:
    """What a submission came to, for a person."""
    if job.new:
        return f"Job {job.job}: {count(job.images, 'image')}."
    text = f"Job {job.job} is this same job, submitted before: it is {job.state}, with {count(job.images, 'image')}."
    if job.run_differs:
        text += f" Only `run` differs, which does not make a new job: change it with `farm set {job.job} KEY=VALUE`."
    return text + ("" if job.state in {"queued", "running"} else " `--again` makes a new job of it.")


def _wait(farm: "Farm", job: "Submitted", *, as_json: bool) -> None:
    from farm.cli.watch import exit_code, stay

    ended = stay(farm, job.job, quiet=as_json)
    if as_json:
        print_json({**job.to_json(), "state": ended.state})
    raise typer.Exit(exit_code(ended))
