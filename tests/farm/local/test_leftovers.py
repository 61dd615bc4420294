import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from farm.local.home import SUPERVISED, Home
from farm.local.leftovers import carriers, clean, end_leftovers

SLEEP = [sys.executable, "-c", "import time; time.sleep(300)"]


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """An empty home."""
    return Home(tmp_path)


@pytest.fixture
def stray(home: Home) -> Iterator[subprocess.Popen[bytes]]:
    """A process that carries the home, in a session of its own."""
    with subprocess.Popen(SLEEP, env=home.environment(), start_new_session=True) as process:
        wait_until(home, [process.pid])
        yield process
        process.kill()


def wait_until(home: Home, pids: list[int]) -> None:
    """Wait until these processes carry the home: a child has its environment only once it runs its program."""
    deadline = time.monotonic() + 5
    while carriers(home) != pids:
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_stray_is_found_and_ended(home: Home, stray: subprocess.Popen[bytes]) -> None:
    """Whatever carries the home is ended, and counted."""
    assert end_leftovers(home) == 1
    assert stray.wait(5) == -signal.SIGKILL
    assert carriers(home) == []
    assert end_leftovers(home) == 0


def test_other_homes_are_left_alone(home: Home, stray: subprocess.Popen[bytes]) -> None:
    """A home whose name begins or ends like this one's is another home."""
    for other in (Home(home.path / "below"), Home(home.path.parent), Home(Path(str(home.path)[:-1]))):
        assert end_leftovers(other) == 0
    assert stray.poll() is None


def test_a_command_run_inside_a_farm_does_not_end_itself(home: Home, stray: subprocess.Popen[bytes]) -> None:
    """The process that asks, and those that started it, are not leftovers."""
    code = (
        "import sys; from pathlib import Path; from farm.local.home import Home; from farm.local.leftovers import clean"
    )
    code += "\nprint(clean(Home(Path(sys.argv[1]))))"
    command = ["/bin/sh", "-c", '"$0" "$@"; exit $?', sys.executable, "-c", code, str(home.path)]
    done = subprocess.run(command, env=home.environment(), capture_output=True, text=True, timeout=30, check=False)
    assert (done.returncode, done.stdout) == (0, "1\n"), done.stderr
    assert stray.wait(5) == -signal.SIGKILL


def test_cleaning_removes_what_was_written(home: Home) -> None:
    """Settings and notice of a farm that is gone do not mislead the next command."""
    home.settings_file.write_text("")
    home.pid_file.write_text("")
    assert clean(home) == 0
    assert clean(home) == 0
    assert list(home.path.iterdir()) == []


def test_this_process_is_never_among_them(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """Looking for leftovers needs no variable of one's own."""
    monkeypatch.setenv(SUPERVISED, str(home.path))
    assert os.getpid() not in carriers(home)
