import errno
import importlib
import resource
import subprocess
import sys
from collections.abc import Callable

import pytest

from farm.cli import main as cli
from farm.errors import (
    FarmError,
    LedgerError,
    ManifestError,
    NoSuchJobError,
    UsageError,
)

COMMANDS = [
    "up",
    "down",
    "doctor",
    "demo",
    "plan",
    "submit",
    "list",
    "status",
    "watch",
    "pause",
    "resume",
    "cancel",
    "retry",
    "set",
    "fetch",
    "report",
    "verify",
    "workers",
    "worker",
    "coordinator",
]


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> Callable[[BaseException], None]:
    """Makes `farm down` raise an error."""

    def fail_with(error: BaseException) -> None:
        def down() -> None:
            raise error

        monkeypatch.setattr(cli, "COMMANDS", {"Local": {"down": down, "up": lambda: None}})

    return fail_with


def test_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    """What the farm can do is all in one help text."""
    assert cli.main(["--help"]) == 0
    words = capsys.readouterr().out.split()
    assert [name for name in COMMANDS if name not in words] == []


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """`farm COMMAND --help` works for each."""
    assert cli.main([name, "--help"]) == 0
    assert "Usage" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (FarmError("Something."), 1),
        (UsageError("A folder is in the way."), 2),
        (ManifestError("wrong", file="a.yaml", line=3, field="render.steps"), 2),
        (LedgerError("Redis is away."), 3),
        (NoSuchJobError("mugs"), 4),
    ],
)
def test_an_error_is_one_sentence_and_its_exit_code(
    error: FarmError,
    code: int,
    failing: Callable[[BaseException], None],
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The sentence goes to stderr, nothing to stdout, and no traceback is shown."""
    failing(error)
    assert cli.main(["down"]) == code
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == f"farm: {error}\n"


def test_a_bug_is_one_sentence_too(
    failing: Callable[[BaseException], None], capsys: pytest.CaptureFixture[str]
) -> None:
    """Even what nobody expected says what to do next."""
    failing(ZeroDivisionError("division by\nzero"))
    assert cli.main(["down"]) == 1
    err = capsys.readouterr().err
    assert err.startswith("farm: internal error, ZeroDivisionError (division by zero)")
    assert "--debug" in err
    assert "Traceback" not in err


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (
            OSError(errno.ENOSPC, "No space left on device", "/x/y.png"),
            "farm: /x/y.png cannot be written or read, No space left on device: make room on its disk.",
        ),
        (
            OSError(errno.EROFS, "Read-only file system"),
            "farm: A file cannot be written or read, Read-only file system: the disk is read-only, choose another.",
        ),
    ],
)
def test_what_a_disk_says_is_a_sentence(
    failing: Callable[[BaseException], None], error: OSError, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A full or read-only disk is no bug of ours."""
    failing(error)
    assert cli.main(["down"]) == 2
    assert capsys.readouterr().err.splitlines() == [said]


def test_debug_shows_the_traceback(
    failing: Callable[[BaseException], None], capsys: pytest.CaptureFixture[str]
) -> None:
    """--debug stands before the command."""
    failing(UsageError("A folder is in the way."))
    assert cli.main(["--debug", "down"]) == 2
    err = capsys.readouterr().err
    assert "Traceback" in err
    assert err.endswith("farm: A folder is in the way.\n")


def test_an_interrupt_exits_130_without_a_word(
    failing: Callable[[BaseException], None], capsys: pytest.CaptureFixture[str]
) -> None:
    """Ctrl-C is no error to explain."""
    failing(KeyboardInterrupt())
    assert cli.main(["down"]) == 130
    assert "Traceback" not in capsys.readouterr().err


@pytest.mark.parametrize(
    "words",
    [["nonsense"], ["status"], ["up", "--workers", "many"], ["up", "--workers", "-1"], ["list", "--what"], []],
    ids=" ".join,
)
def test_wrong_usage_exits_2(words: list[str]) -> None:
    """An unknown command, a missing argument, a wrong value and an unknown option are usage errors."""
    assert cli.main(words) == 2


def test_the_version_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    """`farm --version` names the distribution."""
    assert cli.main(["--version"]) == 0
    assert capsys.readouterr().out.startswith("stepfarm")


def test_a_reader_that_leaves_is_no_error() -> None:
    """`farm --help | head -1` prints no traceback."""
    command = f"{sys.executable} -m farm --help | head -c 1"
    done = subprocess.run(command, shell=True, capture_output=True, text=True, check=False)  # noqa: S602 the pipe is the point
    assert "Traceback" not in done.stderr
    assert "BrokenPipe" not in done.stderr


def test_the_module_is_the_command() -> None:
    """`python -m farm` is how a local farm starts its children."""
    done = subprocess.run([sys.executable, "-m", "farm", "nonsense"], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "nonsense" in done.stderr


def test_help_is_instant() -> None:
    """Building every command and importing what help needs takes a fraction of a second."""
    best = min(_seconds(["-c", "import farm.cli.main as m; m.main(['--help'])"]) for _ in range(3))
    bare = min(_seconds(["-c", "pass"]) for _ in range(3))
    assert best - bare < 0.6


def _seconds(words: list[str]) -> float:
    """Seconds of the processor, which other processes do not lengthen."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, *words], check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def test_main_is_where_the_script_looks() -> None:
    """Pyproject names this function."""
    assert callable(importlib.import_module("farm.cli.main").main)
