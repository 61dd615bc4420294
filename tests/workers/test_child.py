import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from farm.profile.record import Record, WorkerInfo
from farm.profile.seconds import Kind, Session
from farm.settings import Settings
from farm.store import keys
from farm.store.memory import MemoryStore
from workers.child import assemble, patiently, start_child, worker_info
from workers.device import Device
from workers.shelf import Shelf
from workers.stopwatch import process_age, steady


def test_every_child_is_a_session_of_its_own(device: Device) -> None:
    """Of the same worker, on the same device, at the device's price."""
    settings = Settings(price_per_hour=1.0, prices={"test cpu": 3.0})
    first, second = (worker_info(settings, "w", device, 1.5) for _ in range(2))
    assert first.session != second.session
    assert (first.id, first.gpu, first.device, first.price_per_hour) == ("w", "Test CPU", "cpu", 3.0)
    assert first.session.startswith("1500x")
    assert worker_info(Settings(), "w", device, 1.5).price_per_hour is None


@pytest.mark.parametrize(
    ("variable", "gpu", "price"),
    [
        ("", "NVIDIA L4", 0.71),
        ("", "NVIDIA H100 80GB HBM3", 2.99),
        ("", "Test CPU", None),
        ("1.20", "NVIDIA L4", 1.2),
        ("1.20", "Test CPU", 1.2),
    ],
)
def test_a_price_comes_from_the_variable_or_by_the_devices_name(  # noqa: PLR0913, PLR0917 a case and its fixtures
    variable: str, gpu: str, price: float | None, device: Device, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the manual has it: `[prices]` of farm.toml, the variable for this very worker, and else none."""
    config = tmp_path / "farm.toml"
    config.write_text('[prices]\n"NVIDIA L4" = 0.71\n"NVIDIA H100 80GB HBM3" = 2.99\n')
    monkeypatch.setenv("FARM_CONFIG", str(config))
    monkeypatch.setenv("FARM_PRICE_PER_HOUR", variable)
    settings = Settings.load(home=tmp_path)
    assert worker_info(settings, "w", replace(device, gpu=gpu), 1.5).price_per_hour == price


def test_redis_is_waited_for(monkeypatch: pytest.MonkeyPatch, ledger: Any) -> None:
    """A child that starts before Redis is back goes on when it is."""
    slept: list[float] = []
    monkeypatch.setattr("workers.child.time.sleep", slept.append)
    ledger.away = 2
    assert patiently(ledger.now) > 0
    assert len(slept) == 2


def test_every_instant_is_of_the_ledgers_clock(
    monkeypatch: pytest.MonkeyPatch, ledger: Any, store: MemoryStore, device: Device, make_plan: Any
) -> None:
    """This machine's clock is an hour off: spans, records and the session's name agree with claims all the same."""
    ledger.skew = 3600.0
    monkeypatch.setattr("workers.child.Ledger.connect", lambda _settings, **_: ledger)
    monkeypatch.setattr("workers.child.S3Store.from_settings", lambda _settings: store)
    monkeypatch.setattr("workers.child.find_device", lambda: device)
    plan = make_plan(store)
    before = ledger.now()
    child = start_child(Settings(), "w")
    child.run(plan.job_id, 0, 2)
    child.stop()
    after = ledger.now()
    (key,) = store.list("workers/")
    session = Session.from_json(store.get(key))
    assert before - process_age() - 1 < session.started_at < before
    assert before <= session.spans[1].start <= session.ended_at <= after
    assert before <= int(session.worker.session.partition("x")[0]) / 1000 + 0.001 <= after
    (name,) = store.list(keys.records(plan.job_id))
    record = Record.model_validate_json(store.get(name))
    instants = [record.started_at, *(batch.started_at for batch in record.batches), record.finished_at]
    assert instants == sorted(instants)
    assert before <= instants[0] <= instants[-1] <= after


def test_a_child_lives_from_start_to_stop(  # noqa: PLR0913, PLR0917 what a child is made of
    ledger: Any, store: MemoryStore, worker: WorkerInfo, device: Device, make_plan: Any, shelf: Shelf
) -> None:
    """It announces itself, renders, and leaves nothing half done and no thread behind."""
    plan = make_plan(store)
    child = assemble(
        ledger=ledger, store=store, worker=worker, device=device, shelf=shelf, started_at=0.0, now=steady()
    )
    child.start()
    child.run(plan.job_id, 0, 4)
    child.stop()
    assert not [thread for thread in threading.enumerate() if thread.name.startswith(("keeper", "session", "publish"))]
    assert ledger.notes["gpu"] == "Test CPU"
    assert [(start, stop) for start, stop, _, _ in ledger.commits] == [(0, 4)]
    (key,) = store.list("workers/")
    kinds = [span.kind for span in Session.from_json(store.get(key)).spans]
    assert kinds[0] is Kind.START
    assert kinds[-1] is Kind.IDLE
