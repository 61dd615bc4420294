import socket
from pathlib import Path

import pytest

from farm.doctor import services
from farm.ledger.ledger import Ledger
from farm.local.services import local_services


def test_a_redis_that_forgets_is_red(tmp_path: Path) -> None:
    """A server that drops keys when memory is short loses work; one without a file only loses time."""
    with local_services(tmp_path) as settings:
        ledger = Ledger.connect(settings)
        ledger.redis.config_set("maxmemory-policy", "allkeys-lru")
        ledger.redis.config_set("appendonly", "no")
        line = next(services.redis(settings))
    assert not line.ok
    assert "allkeys-lru, append-only file off" in line.detail
    assert "CONFIG SET maxmemory-policy noeviction" in line.advice


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
    check = services.clock("store clock", ahead)
    assert (check.ok, check.detail) == (ok, detail)
    assert bool(check.advice) is not ok


def test_a_worker_is_known_by_its_machine_or_its_name(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    """A container asks for the worker it runs, whatever others do."""
    ledger.register("elsewhere-1", {"host": "elsewhere", "gpu": "NVIDIA L4"})
    host = socket.gethostname()
    missing = services.own_worker(ledger)
    assert (missing.ok, missing.detail) == (False, f"no worker of {host} is live")
    assert "farm worker" in missing.advice
    ledger.register("ours", {"host": host})
    assert services.own_worker(ledger).detail == "ours (starting, idle)"
    monkeypatch.setenv("FARM_WORKER_NAME", "elsewhere-1")
    assert services.own_worker(ledger).detail == "elsewhere-1 (NVIDIA L4, idle)"
    monkeypatch.setenv("FARM_WORKER_NAME", "gpu-0")
    assert services.own_worker(ledger).detail == "no worker gpu-0 is live"


def test_a_redis_that_takes_nothing_is_red(tmp_path: Path) -> None:
    """One that answers and has no memory left is no green line."""
    with local_services(tmp_path) as settings:
        Ledger.connect(settings).redis.config_set("maxmemory", "1")
        (line,) = services.redis(settings, services.coordinator)
    assert not line.ok
    assert line.detail.endswith("is out of memory")
    assert "noeviction" in line.advice
