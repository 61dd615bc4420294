"""``list``, ``status``, ``pause``, ``resume``, ``cancel``, ``retry`` and ``set``: jobs that exist."""

from typing import Annotated

import typer

from farm.cli.connect import connect
from farm.cli.display import late
from farm.cli.output import count, moment, percent, print_json, seconds, table
from farm.client.control import NO_VALUE, Verb, read_setting
from farm.client.status import Status

Job = Annotated[str, typer.Argument(help="The job's id, the beginning of it, or the job's name.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def list_jobs(*, as_json: Json = False) -> None:
    """List the farm's jobs, the latest first."""
    with connect() as farm:
        jobs = farm.jobs()
    if as_json:
        print_json([job.to_json() for job in jobs])
    elif not jobs:
        typer.echo("No jobs yet: `farm submit MANIFEST` makes one.")
    else:
        rows = [(job.job, job.state, _counted(job), percent(job), seconds(job.eta_s)) for job in jobs]
        table(("JOB", "STATE", "IMAGES", "DONE", "LEFT"), rows)


def status(job: Job, *, as_json: Json = False) -> None:
    """Say how a job is doing."""
    with connect() as farm:
        now = farm.status(job)
    if as_json:
        print_json(now.to_json())
        return
    typer.echo(f"{now.job}  {now.state}  {_counted(now)} images ({percent(now)})")
    if now.reason:
        typer.echo(now.reason)
    spent = f"GPU time {seconds(now.gpu_s)}"
    cost = "" if now.cost_usd is None else f", cost {now.cost_usd:.4f}"
    left = "" if now.eta_s is None else f", about {seconds(now.eta_s)} left"
    typer.echo(", ".join(filter(None, (spent + cost + left, late(now)))))
    if now.kept_until is not None:
        typer.echo(f"Removed {moment(now.kept_until)} or soon after: `farm set {now.job} run.keep_days=none` keeps it.")


def _counted(job: Status) -> str:
    failed = f", {job.images.failed} failed" if job.images.failed else ""
    return f"{job.images.done} of {job.images.total}{failed}"


def pause(job: Job) -> None:
    """Send out nothing new of a job; ranges under way are finished."""
    _tell(job, Verb.PAUSE, "is paused: `farm resume JOB` goes on.")


def resume(job: Job) -> None:
    """Go on with a paused job."""
    _tell(job, Verb.RESUME, "goes on.")


def cancel(job: Job) -> None:
    """End a job: workers stop within a step; the pictures made so far stay."""
    _tell(job, Verb.CANCEL, "is cancelled; the pictures made so far stay.")


def retry(job: Job) -> None:
    """Try again what failed in a job, and only that."""
    with connect() as farm:
        found = farm.status(job).job
        number = farm.tell(found, Verb.RETRY)
    typer.echo(f"Job {found}: {count(number, 'image')} back to work.")


def change(
    job: Job,
    setting: Annotated[
        str,
        typer.Argument(metavar="KEY=VALUE", help="run.priority, run.max_attempts or run.keep_days (days, or none)."),
    ],
) -> None:
    """Change how a job runs."""
    values = read_setting(setting)
    with connect() as farm:
        found = farm.status(job).job
        farm.tell(found, Verb.SET, values)
    name, value = next(iter(values.items()))
    typer.echo(f"Job {found}: run.{name} is {NO_VALUE if value is None else value}.")


def _tell(job: str, verb: Verb, outcome: str) -> None:
    with connect() as farm:
        found = farm.status(job).job
        farm.tell(found, verb)
    typer.echo(f"Job {found} {outcome}")
