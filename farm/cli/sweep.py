"""``sweep``: the same pictures at several step counts, what each costs and looks like, and where more stops paying."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from farm.cli.connect import connect
from farm.cli.output import count, print_json
from farm.cli.submit import sentence, warn
from farm.cli.upload import uploading
from farm.errors import UsageError

if TYPE_CHECKING:
    from farm.client import Farm
    from farm.client.submit import Submitted
    from farm.plan.plan import Plan

#: What is swept unless told otherwise: the usual comparison, and enough pictures of one prompt to be sure of it.
STEPS, SEEDS = "5,10,20,30,40,50", "1-4"
#: Where the contact sheets go unless told otherwise; an earlier sweep's are written over.
OUTPUT = Path("farm-sweep")


@dataclass(frozen=True, slots=True)
class Asked:
    """What a sweep is to draw.

    Args:
        manifest: a manifest or prompt file; None draws what the other values say.
        values: field of ``render`` -> its value, of those that were given.
    """

    manifest: str | None
    values: dict[str, Any]

    def source(self) -> str | dict[str, Any]:
        """The manifest to submit.

        Raises:
            UsageError: there is none, and no model or no prompt either.
        """
        if self.manifest is not None:
            return self.manifest
        missing = [name for name in ("model", "prompt") if name not in self.values]
        if missing:
            raise UsageError(f"There is no --{missing[0]}: give --model and --prompt, or a manifest.")
        word = re.split(r"[/:]", self.values["model"].rstrip("/"))[-1]
        return {
            "name": f"sweep-{word or 'model'}",
            "render": {"model": "", "prompt": "", "seed": SEEDS, "steps": STEPS} | self.values,
        }

    def overrides(self) -> Iterator[str]:
        """The values as they are written over a manifest's own."""
        if self.manifest is not None:
            for name, value in self.values.items():
                yield f"render.{name}={json.dumps(value)}"


def sweep(  # noqa: PLR0913 one argument per option
    manifest: Annotated[
        str | None, typer.Argument(help="A manifest or a file of prompts; the options write over its fields.")
    ] = None,
    *,
    model: Annotated[str | None, typer.Option("--model", help="Hub id, local folder or builtin:shapes.")] = None,
    prompts: Annotated[list[str] | None, typer.Option("--prompt", help="A prompt; give it several times.")] = None,
    seeds: Annotated[str | None, typer.Option("--seeds", help=f"Such as 1-4 or 1,7,9; {SEEDS} when not given.")] = None,
    steps: Annotated[str | None, typer.Option("--steps", help=f"Step counts; {STEPS} when not given.")] = None,
    schedulers: Annotated[str | None, typer.Option("--schedulers", help="Such as dpm++2m-karras,euler.")] = None,
    size: Annotated[str | None, typer.Option("--size", metavar="WxH", help="The model's own when not given.")] = None,
    overrides: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Change a field, such as render.dtype=float16."),
    ] = None,
    name: Annotated[str | None, typer.Option("--name", help="The job's name.")] = None,
    again: Annotated[bool, typer.Option("--again", help="Make a new job of a sweep submitted before.")] = False,
    wait: Annotated[
        bool, typer.Option("--wait/--no-wait", help="Stay until it is over, report, draw the sheets.")
    ] = True,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="DIR", help=f"For the contact sheets; {OUTPUT} if not given."),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Write into a folder that holds something else.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Render the same pictures at several step counts; say what each costs and where more steps stop paying."""
    from farm.client import Farm

    given = {
        "model": model,
        "prompt": prompts[0] if prompts and len(prompts) == 1 else prompts or None,
        "seed": seeds,
        "steps": steps,
        "scheduler": _words(schedulers),
        "size": size,
    }
    asked = Asked(manifest, {field: value for field, value in given.items() if value is not None})
    source, changes = asked.source(), [*asked.overrides(), *(overrides or ())]
    plan = Farm.plan(source, overrides=changes, name=name)
    _check(plan)
    folder = output or OUTPUT
    force = force or output is None
    if wait:
        _prepare(None if again else plan.job_id, folder, force=force)
    with connect() as farm:
        with uploading() as on_sent:
            job = farm.submit(source, overrides=changes, name=name, again=again, on_sent=on_sent)
        warn(verdict for verdict in job.verdicts if verdict.level != "note")  # what steps add is what a sweep finds out
        if not as_json:
            typer.echo(sentence(job))
        if wait:
            _finish(farm, job, folder, force=force, as_json=as_json)
        elif as_json:
            print_json(job.to_json())


def _words(text: str | None) -> str | list[str] | None:
    """Names with commas between them, as a manifest has them."""
    words = [word.strip() for word in (text or "").split(",") if word.strip()]
    return words[0] if len(words) == 1 else words or None


def _check(plan: "Plan") -> None:
    """Refuse a job that has nothing to compare."""
    from farm.quality.chains import pick

    if not pick(plan):
        raise UsageError(
            f"Nothing to compare: no prompt and seed is drawn at two step counts. Make steps an axis: --steps {STEPS}."
        )


def _prepare(job_id: str | None, folder: Path, *, force: bool) -> None:
    """Refuse a folder before anything is rendered for it; what it holds of this job may be there, none of a new one."""
    from farm.client.folder import Content, prepare
    from farm.client.sheets import LAYOUT

    prepare(folder, Content(job_id, LAYOUT) if job_id else None, force=force)


def _finish(farm: "Farm", job: "Submitted", folder: Path, *, force: bool, as_json: bool) -> None:
    """Wait for a sweep, report it and draw its sheets; ends the command."""
    from farm.cli.watch import exit_code, stay
    from farm.report.console import show

    ended = stay(farm, job.job, quiet=as_json)
    report = farm.report(job.job)
    sheets = farm.sheets(job.job, folder, force=force)
    if as_json:
        print_json(report.to_json() | {"sheets": [str(path) for path in sheets]})
    else:
        show(report)
        more = f", and {count(len(sheets) - 1, 'sheet')} of one scheduler each" if len(sheets) > 1 else ""
        typer.echo(f"\nContact sheet: {sheets[0]}{more}.")
    raise typer.Exit(exit_code(ended))
