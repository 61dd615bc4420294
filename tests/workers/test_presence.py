from typing import Any

from farm.profile.record import WorkerInfo
from workers.presence import Presence


def test_the_worker_says_who_it_is(ledger: Any, worker: WorkerInfo) -> None:
    """Device, memory and price: what the coordinator assigns by."""
    Presence(ledger, worker).announce()
    assert ledger.notes == {
        "session": "s", "host": "h", "device": "cpu", "gpu": "Test CPU", "vram_gb": None, "price_per_hour": 2.0,
        "loaded": [],
    }  # fmt: skip


def test_what_is_loaded_is_noted_when_it_changes(ledger: Any, worker: WorkerInfo) -> None:
    """And said again with every announcement."""
    presence = Presence(ledger, worker)
    presence.loaded(["a", "b"])
    assert ledger.notes == {"loaded": ["a", "b"]}
    ledger.notes.clear()
    presence.loaded(("a", "b"))
    assert ledger.notes == {}
    presence.announce()
    assert ledger.notes["loaded"] == ["a", "b"]


def test_a_ledger_that_is_away_stops_nothing(ledger: Any, worker: WorkerInfo) -> None:
    """It hears of it later."""
    presence = Presence(ledger, worker)
    ledger.away = 2
    presence.idle()
    presence.unfit("queue", "corrupt")
    assert (ledger.notes, ledger.unfits) == ({}, [])
    presence.idle()
    presence.unfit("queue", "corrupt")
    ledger.away = 2
    presence.set_cap("shape", 4)
    assert presence.cap("shape") is None
    assert ledger.notes["doing"] == "idle"
    assert ledger.unfits == [("queue", "corrupt")]


def test_how_many_images_fit_is_for_every_worker_like_this_one(ledger: Any, worker: WorkerInfo) -> None:
    """It lies in the ledger."""
    presence = Presence(ledger, worker)
    presence.set_cap("shape", 4)
    assert Presence(ledger, worker).cap("shape") == ledger.caps["shape"] == 4
