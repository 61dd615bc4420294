"""A farm on one machine, as a person starts, kills and ends it."""

import os
import signal
import stat
import subprocess
import sys
import time
import tomllib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from farm.errors import LedgerError, UsageError
from farm.ledger.ledger import Ledger
from farm.local.home import Home
from farm.local.launch import local_farm
from farm.local.leftovers import carriers
from farm.local.lock import Notice, is_up
from farm.local.supervisor import down, up
from farm.settings import Settings

if TYPE_CHECKING:
    from tests.live.conftest import StartFarm

Eventually = Callable[..., None]
ROOT = Path(__file__).parents[2]


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    """A home that must be empty of processes afterwards."""
    home = Home(tmp_path.resolve() / "by-hand")
    yield home
    left = carriers(home)
    down(Settings.load(home=home.path))
    assert left == []


def command(home: Home, *words: str, **environment: str) -> subprocess.Popen[str]:
    """A ``farm`` command as a person types it."""
    return subprocess.Popen(
        [sys.executable, "-m", "farm", *words],
        cwd=ROOT,
        env={**os.environ, "FARM_HOME": str(home.path), **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


@contextmanager
def foreground(home: Home, eventually: Eventually, *, workers: int = 0) -> Iterator[subprocess.Popen[str]]:
    """``farm up`` in a terminal, until it is up."""
    with command(home, "up", "--workers", str(workers)) as process:
        try:
            eventually(lambda: process.poll() is not None or state(home) == "up", "up", timeout=60)
            assert process.poll() is None, process.communicate()[0]
            yield process
        finally:
            process.kill()


def state(home: Home) -> str | None:
    """How far the farm is."""
    notice = Notice.read(home)
    return notice.state if notice else None


def running(pid: int) -> bool:
    """Whether a process lives."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_everything(home: Home, number: signal.Signals, eventually: Eventually) -> None:
    """Ctrl-C, SIGTERM or a closed terminal: every child ends, and only data and logs stay."""
    with foreground(home, eventually) as process:
        assert len(carriers(home)) == 3
        process.send_signal(number)
        said, _ = process.communicate(timeout=30)
        assert process.returncode == 0, said
    assert carriers(home) == []
    assert sorted(path.name for path in home.path.iterdir()) == ["logs", "redis", "s3", "supervisor.lock"]
    assert "Traceback" not in said


@pytest.mark.parametrize("seconds", [0.0, 0.4, 0.7, 1.0, 1.4])
def test_a_signal_while_it_starts_ends_everything(home: Home, seconds: float, eventually: Eventually) -> None:
    """Whoever thinks better of it before the farm is up leaves nothing behind either."""
    with command(home, "up", "--workers", "2") as process:
        eventually(lambda: process.poll() is not None or home.pid_file.exists(), "it begins")
        time.sleep(seconds)
        process.send_signal(signal.SIGINT)
        said, _ = process.communicate(timeout=60)
    assert process.returncode == 0, said
    assert carriers(home) == []
    assert not home.settings_file.exists()
    assert "Traceback" not in said


def test_a_second_up_says_so(home: Home, eventually: Eventually) -> None:
    """One home holds one farm: the second `up` names the first, how to stop it, and exits with 2."""
    with foreground(home, eventually) as process:
        for words in (("up",), ("up", "--detach")):
            with command(home, *words) as second:
                said, _ = second.communicate(timeout=30)
            assert second.returncode == 2
            assert said.splitlines() == [
                f"farm: A farm is already up in {home.path} (process {process.pid}): `farm down` stops it."
            ]
        assert process.poll() is None
        assert down(Settings.load(home=home.path))


def test_detached_until_down(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    """`up --detach` returns when the farm answers; `down` ends it and says whether there was one."""
    settings = Settings.load(home=home.path)
    assert not down(settings)
    up(settings, workers=0, detach=True)
    assert "`farm down` stops it" in capsys.readouterr().out
    assert Ledger.connect(Settings.load(home=home.path)).discovered()
    assert down(settings)
    assert not is_up(home)
    assert not down(settings)


def test_a_detached_farm_says_why_it_does_not_come_up(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """What keeps a detached farm from coming up is said by the command that started it."""
    settings = Settings.load(home=home.path)
    monkeypatch.setenv("FARM_LEASE", "soon")
    with pytest.raises(UsageError, match="The variable FARM_LEASE is wrong"):
        up(settings, workers=0, detach=True)
    monkeypatch.delenv("FARM_LEASE")
    assert not is_up(home)


def test_after_sigkill_down_cleans_up(home: Home, eventually: Eventually) -> None:
    """A supervisor that was killed takes its children with it; commands say so, `down` removes what it wrote."""
    with foreground(home, eventually) as process:
        process.kill()
        process.wait()
        eventually(lambda: carriers(home) == [], "the children end with their parent", timeout=10)
        assert home.settings_file.exists()
        with command(home, "list") as asking:
            said, _ = asking.communicate(timeout=60)
        assert (asking.returncode, said) == (
            3,
            f"farm: The farm in {home.path} is down: `farm up` starts it again, with its jobs and pictures.\n",
        )
        down(Settings.load(home=home.path))
        assert not home.settings_file.exists()
        assert not home.pid_file.exists()


def escape(home: Home) -> subprocess.Popen[bytes]:
    """A process of the farm that escaped every other way of ending it: a session and a parent of its own."""
    home.create()
    endless = [sys.executable, "-c", "import time; time.sleep(300)"]
    escaped = subprocess.Popen(endless, env=home.environment(), start_new_session=True)
    while carriers(home) != [escaped.pid]:
        time.sleep(0.01)
    return escaped


def test_down_finds_what_outlived_its_supervisor(home: Home) -> None:
    """A process that nothing else ties to the farm is found by its environment."""
    with escape(home) as escaped:
        assert down(Settings.load(home=home.path))
        assert escaped.wait(10) == -signal.SIGKILL


def test_the_next_up_finds_what_outlived_its_supervisor(home: Home, eventually: Eventually) -> None:
    """A farm does not start beside the rest of an earlier one."""
    with escape(home) as escaped, foreground(home, eventually) as process:
        assert escaped.wait(10) == -signal.SIGKILL
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0


def test_a_killed_redis_comes_back_with_its_data(farm: "StartFarm", eventually: Eventually) -> None:
    """Redis is started again on its port with its password and what it knew; the log says so."""
    running_farm = farm(workers=0)
    ledger = running_farm.ledger
    ledger.redis.set("kept", "data")
    (before,) = running_farm.kill("redis")
    eventually(lambda: running_farm.pid("redis") != before and _answers(ledger), "redis is back")
    assert ledger.redis.get("kept") == "data"
    log = running_farm.log("supervisor")
    assert "redis was ended by signal 9" in log
    assert "starting it again in 0.5 s" in log
    assert "Started redis again" in log


def _answers(ledger: Ledger) -> bool:
    try:
        ledger.ping()
    except LedgerError:
        return False
    return True


@pytest.mark.parametrize("name", ["s3", "coordinator"])
def test_other_children_come_back(farm: "StartFarm", name: str, eventually: Eventually) -> None:
    """What ends is started again, and the store still has its objects."""
    running_farm = farm(workers=0)
    store = running_farm.store
    store.put("kept", b"data")
    (before,) = running_farm.kill(name)
    eventually(lambda: running_farm.pid(name) != before, f"{name} is back")
    eventually(lambda: running(running_farm.pid(name)), f"{name} runs")
    if name == "s3":
        eventually(lambda: _gets(store.get), "the store answers")


def _gets(get: Callable[[str], bytes]) -> bool:
    try:
        return get("kept") == b"data"
    except Exception:  # noqa: BLE001 whatever it says, it is not there yet
        return False


def test_data_of_the_last_time_is_there(tmp_path: Path) -> None:
    """A farm that is started again in its home finds its pictures and its ledger."""
    with local_farm(tmp_path / "twice", workers=0) as first:
        Ledger.connect(first).redis.set("kept", "data")
    with local_farm(tmp_path / "twice", workers=0) as second:
        assert Ledger.connect(second).redis.get("kept") == "data"
        assert second.require_redis_url() != first.require_redis_url()


def test_secrets_stay_secret(farm: "StartFarm") -> None:
    """Passwords and keys are in files that only their owner can read: not in a command line, not in a log."""
    running_farm = farm(workers=0)
    written = running_farm.home.settings_file
    known = tomllib.loads(written.read_text())
    password = known["redis_url"].split(":")[2].split("@")[0]
    secrets = [password, known["aws_access_key_id"], known["aws_secret_access_key"]]
    assert all(len(secret) >= 20 for secret in secrets)
    pids = [*carriers(running_farm.home), running_farm.pid("supervisor")]
    said = [Path(f"/proc/{pid}/cmdline").read_text() for pid in pids] + [running_farm.log()]
    assert not [secret for secret in secrets for text in said if secret in text]
    for path in (written, running_farm.home.redis / "redis.conf", running_farm.home.pid_file):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(running_farm.home.path.stat().st_mode) == 0o700


def test_services_listen_on_loopback_only(farm: "StartFarm") -> None:
    """Nobody else on the network can reach a local farm."""
    running_farm = farm(workers=0)
    known = tomllib.loads(running_farm.home.settings_file.read_text())
    ports = [int(known[name].rpartition(":")[2].partition("/")[0]) for name in ("redis_url", "s3_endpoint")]
    listening = [
        line.split()[1]
        for table in ("tcp", "tcp6")
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]
        if line.split()[3] == "0A"
    ]
    assert sorted(address for address in listening if int(address.rpartition(":")[2], 16) in ports) == sorted(
        f"0100007F:{port:04X}" for port in ports
    )


def test_a_wrong_password_is_refused(farm: "StartFarm") -> None:
    """Redis is not open to whoever knows its port."""
    settings = farm(workers=0).settings
    port = settings.require_redis_url().rpartition(":")[2]
    for user in ("", ":wrong@"):
        with pytest.raises(LedgerError, match="password"):
            Ledger.connect(Settings.load(redis_url=f"redis://{user}127.0.0.1:{port}"))


def test_redis_elsewhere_is_used_and_not_started(
    farm: "StartFarm", home: Home, services: Settings, eventually: Eventually
) -> None:
    """`farm up` with FARM_REDIS_URL and FARM_S3_URL set starts a coordinator and workers for that farm alone."""
    assert farm
    elsewhere = {name: value for name, value in services.environment().items() if name != "FARM_HOME"}
    with command(home, "up", "--workers", "0", **elsewhere) as process:
        try:
            eventually(lambda: process.poll() is not None or state(home) == "up", "up")
            assert len(carriers(home)) == 1
            assert not home.settings_file.exists()
            assert Ledger.connect(services).discovered()
        finally:
            process.terminate()
            process.wait(30)


@pytest.mark.slow
def test_a_killed_worker_comes_back(farm: "StartFarm", eventually: Eventually) -> None:
    """A worker killed with its whole tree is on the roster again, and SIGTERM of the farm leaves nothing of it."""
    running_farm = farm(workers=1)
    ledger = running_farm.ledger
    (before,) = ledger.workers()
    assert before.id == "worker-1"
    assert len(running_farm.tree("worker-1")) >= 2
    running_farm.kill("worker-1")
    eventually(
        lambda: any(worker.started_at > before.started_at for worker in ledger.workers()),
        "worker-1 is back",
        timeout=90,
    )


@pytest.mark.slow
def test_sigkill_of_the_supervisor_ends_workers_too(home: Home, eventually: Eventually) -> None:
    """With the supervisor gone its workers end by themselves, with what they started."""
    with foreground(home, eventually, workers=1) as process:
        process.kill()
        process.wait()
        eventually(lambda: carriers(home) == [], "everything ends with its parent", timeout=15)
