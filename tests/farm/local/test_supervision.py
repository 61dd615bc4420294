import errno
import json
import logging
import platform
import shutil
import signal
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from farm.errors import ServiceError, UsageError
from farm.local import supervision as module
from farm.local.home import Home
from farm.local.leftovers import carriers
from farm.local.lock import Notice, held
from farm.local.supervision import Supervision

#: Stand-ins for the coordinator and a worker: they do what the supervisor waits for, and nothing else.
COORDINATOR = """
import time
from farm.ledger.ledger import Ledger
from farm.settings import Settings
ledger = Ledger.connect(Settings.load())
ledger.set_discovered(ledger.ensure_epoch()[0])
time.sleep(99)
"""
WORKER = """
import os, time
from farm.ledger.ledger import Ledger
from farm.settings import Settings
ledger = Ledger.connect(Settings.load())
ledger.register(os.environ["FARM_WORKER_NAME"], {"host": "here"})
time.sleep(99)
"""
STUBBORN = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)" + WORKER
STANDING = {"farm": COORDINATOR, "workers": WORKER}
BROKEN = "raise SystemExit('No module named torch')"


@pytest.fixture
def supervise(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Home]:
    """Run a supervision with stand-ins until it is up and has looked once more; its home."""

    def run(
        worker: str = WORKER,
        coordinator: str = COORDINATOR,
        *,
        workers: int = 1,
        look: Callable[[Home], Any] | None = None,
    ) -> Home:
        home = Home(tmp_path / "home")
        home.create()
        code = {"workers": worker, "farm": coordinator}
        monkeypatch.setattr(module, "python", lambda name, *_: [sys.executable, "-P", "-c", code[name]])
        original = Notice.write

        def write(notice: Notice, home: Home) -> None:
            original(notice, home)
            if notice.state == "up":
                if look:
                    look(home)
                signal.raise_signal(signal.SIGTERM)

        monkeypatch.setattr(Notice, "write", write)
        with held(home) as lock:
            assert lock
            Supervision(home, lock, workers=workers).run()
        return home

    return run


def test_up_means_that_all_answer(supervise: Callable[..., Home]) -> None:
    """When it says that it is up every service, the coordinator and each worker are there; afterwards none is."""
    seen: dict[str, Any] = {}

    def look(home: Home) -> None:
        seen.update(json.loads(home.pid_file.read_text())["children"])
        seen["settings"] = tomllib.loads(home.settings_file.read_text())

    home = supervise(workers=2, look=look)
    assert list(seen)[:-1] == ["redis", "s3", "coordinator", "worker-1", "worker-2"]
    assert set(seen["settings"]) == {
        "redis_url", "s3_url", "s3_endpoint", "s3_folder", "aws_access_key_id", "aws_secret_access_key",
    }  # fmt: skip
    assert carriers(home) == []
    assert not home.settings_file.exists()
    assert not home.pid_file.exists()


def test_a_worker_that_cannot_start_is_said(supervise: Callable[..., Home], tmp_path: Path) -> None:
    """What ends again and again before the farm was up is an error with its last words, and all is ended."""
    with pytest.raises(
        ServiceError, match=r"worker-1 does not start: it ended with exit code 1: No module named torch"
    ):
        supervise(BROKEN)
    assert carriers(Home(tmp_path / "home")) == []
    assert not Home(tmp_path / "home").settings_file.exists()


def test_one_that_never_gets_ready_is_said(supervise: Callable[..., Home], monkeypatch: pytest.MonkeyPatch) -> None:
    """A child that runs and never reports does not keep the user waiting for ever."""
    monkeypatch.setattr(module, "_HEALTHY", 1.0)
    with pytest.raises(ServiceError, match=r"does not come up: see the logs in .*logs"):
        supervise("import time; time.sleep(99)")


def test_a_worker_that_hangs_is_killed(
    supervise: Callable[..., Home], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A worker that does not drain in time is killed, the log says so, and the rest ends in order."""
    monkeypatch.setattr(module, "_DRAIN", 0.3)
    home = supervise(STUBBORN)
    assert "worker-1 did not end by itself: killed" in home.log("supervisor").read_text()
    assert carriers(Home(tmp_path / "home")) == []


def test_the_log_tells_the_story(supervise: Callable[..., Home], capsys: pytest.CaptureFixture[str]) -> None:
    """Starts and the end are in the supervisor's log; the terminal shows that it is up and how to end it."""
    home = supervise(workers=0)
    lines = [line.split(maxsplit=3)[3] for line in home.log("supervisor").read_text().splitlines()]
    assert [line.split(" (")[0] for line in lines] == [
        "Started redis",
        "Started s3",
        "Started coordinator",
        "The farm is down",
    ]
    out, err = capsys.readouterr()
    assert "The farm is up in" in out
    assert err == ""
    assert logging.getLogger("farm.local").handlers == []


def test_services_elsewhere_are_not_started(
    supervise: Callable[..., Home], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With variables that name both services only coordinator and workers are started, under the machine's name."""
    from farm.local.services import local_services

    seen: dict[str, int] = {}
    with local_services(tmp_path / "elsewhere") as settings:
        for name, value in settings.environment().items():
            monkeypatch.setenv(name, value)
        supervise(look=lambda home: seen.update(json.loads(home.pid_file.read_text())["children"]))
    coordinator, worker = seen
    assert coordinator == "coordinator"
    assert worker == f"{platform.node()}-1"


def test_a_home_that_is_removed_ends_its_farm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing runs on over files that nobody can see, and nothing is made anew where they were."""
    monkeypatch.setattr(module, "_LOOK_EVERY", 0.0)
    home = Home(tmp_path / "home")
    home.create()
    pids: list[int] = []
    tend = Supervision._tend

    def remove(supervision: Supervision) -> None:
        tend(supervision)
        if supervision._state == "up" and home.path.exists():
            pids.extend(carriers(home))
            shutil.rmtree(home.path)

    monkeypatch.setattr(Supervision, "_tend", remove)
    monkeypatch.setattr(module, "python", lambda name, *_: [sys.executable, "-P", "-c", STANDING[name]])
    with held(home) as lock:
        assert lock
        supervision = Supervision(home, lock, workers=0)
        with pytest.raises(UsageError, match=f"FARM_HOME {home.path} was removed while the farm was up"):
            supervision.run()
    assert len(pids) == 3
    assert carriers(home) == []
    assert not home.path.exists()


def test_a_full_disk_ends_nothing(
    supervise: Callable[..., Home],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A farm that is up stays up when nothing can be written down; before that, nobody would learn that it is up."""

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    def look(_: Home) -> None:
        monkeypatch.setattr("farm.local.lock.write_private", full)

    supervise(workers=0, look=look)
    assert "supervisor.json cannot be written: No space left on device" in capsys.readouterr().err
    with pytest.raises(OSError, match="No space left"):
        supervise(workers=0)
    home = Home(tmp_path / "home")
    assert carriers(home) == []
    assert not home.settings_file.exists()
