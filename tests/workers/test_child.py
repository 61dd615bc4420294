import threading
from typing import Any

import pytest

from farm.errors import LedgerError
from farm.profile.record import WorkerInfo
from farm.profile.seconds import Kind, Session
from farm.settings import Settings
from farm.store.memory import MemoryStore
from workers.child import assemble, connect, worker_info
from workers.device import Device


def test_every_child_is_a_session_of_its_own(device: Device) -> None:
    """Of the same worker, on the same device, at the device's price."""
    settings = Settings(price_per_hour=1.0, prices={"test cpu": 3.0})
    first, second = (worker_info(settings, "w", device) for _ in range(2))
    assert first.session != second.session
    assert (first.id, first.gpu, first.device, first.price_per_hour) == ("w", "Test CPU", "cpu", 3.0)
    assert worker_info(Settings(), "w", device).price_per_hour is None


def test_redis_is_waited_for(monkeypatch: pytest.MonkeyPatch, ledger: Any) -> None:
    """A child that starts before Redis is back goes on when it is."""
    answers = [LedgerError("away"), LedgerError("away"), ledger]
    slept: list[float] = []

    def answer(_settings: Settings) -> Any:
        found = answers.pop(0)
        if isinstance(found, LedgerError):
            raise found
        return found

    monkeypatch.setattr("workers.child.Ledger.connect", answer)
    monkeypatch.setattr("workers.child.time.sleep", slept.append)
    assert connect(Settings()) is ledger
    assert len(slept) == 2


def test_a_child_lives_from_start_to_stop(
    ledger: Any, store: MemoryStore, worker: WorkerInfo, device: Device, make_plan: Any
) -> None:
    """It announces itself, renders, and leaves nothing half done and no thread behind."""
    plan = make_plan(store)
    child = assemble(ledger=ledger, store=store, worker=worker, device=device, started_at=0.0)
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
