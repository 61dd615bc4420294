"""The ``farm`` command: which commands there are, and how an error ends one.

Only typer is imported at the top: help and a wrong word answer at once. Everything else is imported by the command that
needs it.
"""

import errno
import sys
import traceback
from collections.abc import Callable, Sequence
from typing import Annotated, Any

import typer

from farm.cli import convert, demo, jobs, local, remove, results, services, submit, sweep, watch
from farm.errors import FarmError, UsageError

#: Heading in the help -> command -> what runs it.
COMMANDS: dict[str, dict[str, Callable[..., Any]]] = {
    "A farm on this machine": {"up": local.up, "down": local.down, "doctor": services.doctor, "demo": demo.demo},
    "Jobs": {
        "plan": submit.plan,
        "submit": submit.submit,
        "convert": convert.convert,
        "sweep": sweep.sweep,
        "list": jobs.list_jobs,
        "status": jobs.status,
        "watch": watch.watch,
        "pause": jobs.pause,
        "resume": jobs.resume,
        "cancel": jobs.cancel,
        "retry": jobs.retry,
        "set": jobs.change,
    },
    "Results": {
        "fetch": results.fetch,
        "report": results.report,
        "verify": results.verify,
        "rm": remove.remove,
    },
    "Workers": {"workers": services.workers, "worker": services.worker, "coordinator": services.coordinator},
}


#: What a disk may say at any time, and what to do about it.
_GROUND = {
    errno.ENOSPC: "make room on its disk",
    errno.EDQUOT: "make room, your share of the disk is used up",
    errno.EROFS: "the disk is read-only, choose another",
    errno.EACCES: "choose another folder, or ask its owner",
    errno.EPERM: "choose another folder, or ask its owner",
    errno.EIO: "the disk is failing",
    errno.ENAMETOOLONG: "choose a shorter path",
    errno.EMFILE: "raise the limit of open files, ulimit -n",
}


def _version(*, value: bool) -> None:
    if value:
        from importlib.metadata import PackageNotFoundError, version

        try:
            typer.echo(f"stepfarm {version('stepfarm')}")
        except PackageNotFoundError:
            typer.echo("stepfarm, run from its folder without being installed")
        raise typer.Exit


def _root(
    *,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
    version: Annotated[
        bool, typer.Option("--version", help="Show the version.", callback=_version, is_eager=True)
    ] = False,
) -> None:
    """Render large batches of diffusion images, and know what every inference step cost."""


def build() -> typer.Typer:
    """The typer application with every command."""
    app = typer.Typer(
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode="rich",
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_root)
    for panel, commands in COMMANDS.items():
        for name, function in commands.items():
            app.command(name, rich_help_panel=panel)(function)
    return app


def _debug(words: Sequence[str]) -> bool:
    """Whether ``--debug`` stands before the command."""
    for word in words:
        if not word.startswith("-"):
            return False
        if word == "--debug":
            return True
    return False


def _explain(error: Exception, *, debug: bool) -> int:
    """Print one sentence about the error, the traceback only on request; the exit code."""
    if debug:
        traceback.print_exception(error)
    if isinstance(error, FarmError):
        print(f"farm: {error}", file=sys.stderr)
        return error.exit_code
    if isinstance(error, OSError) and error.errno in _GROUND:
        what = f"{error.filename or 'A file'} cannot be written or read"
        print(f"farm: {what}, {error.strerror}: {_GROUND[error.errno]}.", file=sys.stderr)
        return UsageError.exit_code
    text = " ".join(str(error).split())
    advice = "" if debug else ": run again as `farm --debug …` to see where"
    print(f"farm: internal error, {type(error).__name__} ({text}){advice}", file=sys.stderr)
    return 1


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        arguments: the words after ``farm``; those of the process when None.

    Returns:
        The exit code: 0 fine, 1 the job ended with failed tasks, 2 bad manifest or usage, 3 a service cannot be
        reached, 4 no such job, 130 interrupted.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    try:
        build()(args=words, prog_name="farm")
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else int(stop.code is not None)
    except KeyboardInterrupt:
        return 130
    except Exception as error:  # noqa: BLE001 the edge of the program: what went wrong becomes a sentence
        return _explain(error, debug=_debug(words))
    return 0
