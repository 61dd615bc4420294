import json
from typing import Any

import pytest

from farm.client.control import Verb, append
from farm.coordinator.controls import append_quarantine, replay
from farm.errors import DamagedError
from farm.ledger.values import JobState
from farm.store import keys
from farm.store.memory import MemoryStore


def told(*verbs: tuple[Verb, dict[str, Any]]) -> MemoryStore:
    """A store in which a job was told this, in this order."""
    store = MemoryStore()
    for number, (verb, values) in enumerate(verbs):
        append(store, "mugs", verb, values, number=number + 1, clock=100.0 + number)
    return store


def test_the_last_word_counts() -> None:
    """Pause, resume, cancel: the state is that of the last."""
    assert replay(MemoryStore(), "mugs").state is None
    assert replay(told((Verb.PAUSE, {})), "mugs").state is JobState.PAUSED
    assert replay(told((Verb.PAUSE, {}), (Verb.RESUME, {})), "mugs").state is JobState.RUNNING
    found = replay(told((Verb.PAUSE, {}), (Verb.CANCEL, {})), "mugs")
    assert found.state is JobState.CANCELLED
    assert found.reason == "Cancelled by its user."
    assert found.first_at == 100.0


def test_settings_add_up() -> None:
    """Each setting has its latest value."""
    store = told((Verb.SET, {"priority": 10}), (Verb.SET, {"max_attempts": 2}), (Verb.SET, {"priority": 80}))
    assert replay(store, "mugs").settings == {"priority": 80, "max_attempts": 2}


def test_quarantines_last_until_a_retry() -> None:
    """What was given up is known after a rebuild; a retry forgets what was given up before it."""
    store = MemoryStore()
    append_quarantine(store, "mugs", {3: "black", 9: "NaN"}, number=1, at=1.0)
    assert replay(store, "mugs").failed == {3: "black", 9: "NaN"}
    append(store, "mugs", Verb.RETRY, {}, number=2)
    assert replay(store, "mugs").failed == {}
    append_quarantine(store, "mugs", {9: "NaN again"}, number=3, at=2.0)
    found = replay(store, "mugs")
    assert found.failed == {9: "NaN again"}
    assert found.number == 3


def test_control_objects_are_read_in_the_order_of_their_numbers() -> None:
    """Ten comes after nine, whatever the keys' text."""
    store = MemoryStore()
    for number, priority in [(10, 1), (9, 2), (1_000_000, 3)]:
        store.put(keys.control("mugs", number, "set"), json.dumps({"priority": priority}).encode())
    assert replay(store, "mugs").settings == {"priority": 3}


@pytest.mark.parametrize("damage", [b"", b"[]", b"{}", b'{"positions": 3}'])
def test_a_damaged_control_object_is_named(damage: bytes) -> None:
    """Nobody can know what the job was told."""
    store = MemoryStore()
    store.put(keys.control("mugs", 1, "quarantine"), damage)
    with pytest.raises(DamagedError, match=keys.control("mugs", 1, "quarantine")):
        replay(store, "mugs")


def test_what_is_unknown_is_passed_over() -> None:
    """A verb of a later version, or a stray object, is no error."""
    store = MemoryStore()
    store.put(keys.control("mugs", 1, "praise"), b"{}")
    store.put(f"{keys.controls('mugs')}notes.txt", b"hello")
    assert replay(store, "mugs").state is None
