import signal
import subprocess
import sys
from pathlib import Path

import pytest

from farm.errors import UsageError
from farm.local import supervisor
from farm.local.home import Home
from farm.local.lock import Notice, held
from farm.local.supervisor import down, up
from farm.settings import Settings

#: Holds the lock of the home it is given, and says so.
HOLDER = """
import pathlib, signal, sys, time
from farm.local.home import Home
from farm.local.lock import held
signal.signal(signal.SIGTERM, getattr(signal, sys.argv[2]))
with held(Home(pathlib.Path(sys.argv[1]))) as lock:
    print(lock is not None, flush=True)
    time.sleep(99)
"""


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Settings of a home without a farm."""
    return Settings.load(home=tmp_path / "home")


@pytest.mark.parametrize("detach", [True, False])
def test_a_second_up_is_refused(settings: Settings, *, detach: bool) -> None:
    """A home whose lock is held has its farm, even before that said who it is."""
    home = Home(settings.home)
    home.create()
    with held(home), pytest.raises(UsageError, match=r"A farm is already up in .*home: `farm down` stops it"):
        up(settings, workers=0, detach=detach)
    Notice(pid=7, state="starting").write(home)
    with held(home), pytest.raises(UsageError, match=r"\(process 7\)"):
        up(settings, workers=0, detach=detach)


def test_a_home_that_cannot_be_is_said(tmp_path: Path) -> None:
    """A file in the place of the home is a usage error."""
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="FARM_HOME"):
        up(Settings.load(home=tmp_path / "file"), workers=0)


def test_down_makes_nothing(settings: Settings) -> None:
    """Asking for an end where nothing began leaves no folder behind."""
    assert not down(settings)
    assert not settings.home.exists()
    Home(settings.home).create()
    assert not down(settings)


def test_down_removes_what_a_killed_supervisor_wrote(settings: Settings) -> None:
    """Stale settings would send every command to ports where nobody answers."""
    home = Home(settings.home)
    home.create()
    home.write_settings({"s3_url": "s3://gone"})
    Notice(pid=2**22 - 1, state="up").write(home)
    assert not down(settings)
    assert not home.settings_file.exists()
    assert Notice.read(home) is None


@pytest.mark.parametrize(("action", "ended"), [("SIG_DFL", signal.SIGTERM), ("SIG_IGN", signal.SIGKILL)])
def test_down_asks_and_then_kills(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, action: str, ended: signal.Signals
) -> None:
    """A supervisor is asked to end its farm in order; one that hangs is killed."""
    monkeypatch.setattr(supervisor, "PATIENCE", 0.3)
    home = Home(settings.home)
    home.create()
    command = [sys.executable, "-c", HOLDER, str(home.path), action]
    root = Path(__file__).parents[3]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=root) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "True\n"
        Notice(pid=holder.pid, state="up").write(home)
        assert down(settings)
        assert holder.wait(10) == -ended
