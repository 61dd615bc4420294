import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from farm.doctor import machine
from farm.doctor.check import Check
from farm.doctor.doctor import checks
from farm.doctor.part import Part
from farm.ledger.ledger import Ledger
from farm.local.home import Home
from farm.local.services import local_services
from farm.settings import Settings


@pytest.fixture(autouse=True)
def _quick_device(monkeypatch: pytest.MonkeyPatch) -> None:
    """Importing torch takes seconds, and some machines have none: a stand-in answers but where a test is about it."""
    monkeypatch.setattr(machine, "RENDERING", ("pytest",))
    monkeypatch.setattr(machine, "_DEVICE", "print('[\"cpu, 2 threads\", 1]')")


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


def test_a_container_is_looked_at_for_what_it_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A coordinator needs Redis, the store and a leader; a worker its libraries and to be heard of; no clocks."""
    with local_services(tmp_path) as settings:
        assert red(checks(settings, part=Part.COORDINATOR)) == ["coordinator"]
        ledger = Ledger.connect(settings)
        ledger.lead("box-1", 60)
        found = checks(settings, part=Part.COORDINATOR)
        assert [check.name for check in found] == ["python", "libraries", "redis", "coordinator", "store"]
        assert red(found) == []
        found = checks(settings, part=Part.WORKER)
        assert red(found) == ["worker"]
        assert by_name(found)["device"].detail == "cpu, 2 threads"
        monkeypatch.setenv("FARM_WORKER_NAME", "gpu-0")
        ledger.register("gpu-0", {"gpu": "NVIDIA L4"})
        monkeypatch.setattr(machine, "_DEVICE", "import sys; sys.exit(1)")
        found = checks(settings, part=Part.WORKER)
        names = ["python", "libraries", "rendering", "model cache", "redis", "worker", "store"]
        assert [check.name for check in found] == names
        assert red(found) == []


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


def test_a_missing_library_is_red_where_it_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine for a local farm needs torch; one that uses a farm elsewhere does not."""
    monkeypatch.setattr(machine, "RENDERING", ("no-such-library",))
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
        assert (found[name].ok, "install" in found[name].advice) == (False, True)


def test_a_farm_that_was_killed_is_one_red_line(tmp_path: Path) -> None:
    """Not one line per service that went with it."""
    Home(tmp_path).write_settings({"redis_url": "redis://127.0.0.1:1/0", "s3_url": "s3://farm"})
    found = checks(Settings.load(home=tmp_path))
    assert red(found) == ["farm"]
    assert by_name(found)["farm"].detail == f"The farm in {tmp_path} is down"
    assert by_name(found)["farm"].advice.startswith("`farm up` starts it again")
