import threading
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from farm.errors import LedgerError
from workers.heart import Heart


class Ledger:
    """Knows one worker."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.assignment: str | None = "queue-a"
        self.info: dict[str, Any] = {}
        self.away = False
        self.beaten = threading.Event()

    def _note(self, call: str) -> None:
        if self.away:
            raise LedgerError("away")
        self.calls.append(call)

    def register(self, worker_id: str, info: Mapping[str, Any]) -> None:
        """Enter."""
        self._note(f"register {worker_id}")
        self.info = dict(info)

    def beat(self, worker_id: str, info: Mapping[str, Any] | None = None) -> str | None:
        """A heartbeat."""
        self._note(f"beat {worker_id}")
        self.info = dict(info or {})
        self.beaten.set()
        return self.assignment

    def drain(self, worker_id: str) -> None:
        """Nothing new."""
        self._note(f"drain {worker_id}")

    def leave(self, worker_id: str) -> None:
        """Goodbye."""
        self._note(f"leave {worker_id}")


@pytest.fixture
def ledger() -> Ledger:
    """A ledger with an assignment."""
    return Ledger()


@pytest.fixture
def heart(ledger: Ledger) -> Heart:
    """A heart that has not begun."""
    return Heart(lambda: ledger, worker="w", info={"host": "h"}, interval=0.01)


def test_the_first_beat_registers(heart: Heart, ledger: Ledger) -> None:
    """Later ones say what is served, and hear what is wanted."""
    heart.beat()
    assert heart.wanted == "queue-a"
    heart.serving = "queue-a"
    heart.beat()
    assert ledger.calls == ["register w", "beat w", "beat w"]
    assert ledger.info == {"host": "h", "queue": "queue-a"}


def test_a_drained_worker_wants_nothing(heart: Heart, ledger: Ledger) -> None:
    """It tells the ledger once, and goes on beating while its child finishes."""
    heart.beat()
    heart.drain()
    heart.beat()
    heart.beat()
    assert heart.wanted is None
    assert ledger.calls == ["register w", "beat w", "drain w", "beat w", "beat w"]


def test_redis_may_be_away(heart: Heart, ledger: Ledger) -> None:
    """What is wanted stays as it was; a drain is told when Redis is back."""
    heart.beat()
    ledger.away = True
    heart.beat()
    assert heart.wanted == "queue-a"
    heart.drain()
    heart.beat()
    ledger.away = False
    heart.beat()
    assert ledger.calls[-2:] == ["drain w", "beat w"]


def test_redis_may_be_away_from_the_start(ledger: Ledger) -> None:
    """The worker registers when it can."""
    tries: list[Callable[[], Ledger] | None] = [None, lambda: ledger]

    def connect() -> Ledger:
        found = tries.pop(0)
        if found is None:
            raise LedgerError("away")
        return found()

    heart = Heart(connect, worker="w", info={})
    heart.beat()
    assert heart.wanted is None
    heart.beat()
    assert heart.wanted == "queue-a"


def test_the_heart_beats_by_itself_and_leaves(heart: Heart, ledger: Ledger) -> None:
    """A thread of its own, until it is stopped."""
    heart.start()
    assert ledger.beaten.wait(5)
    heart.stop()
    assert ledger.calls[-1] == "leave w"


def test_a_heart_that_never_reached_redis_ends_all_the_same() -> None:
    """There is nobody to say goodbye to."""

    def connect() -> Ledger:
        raise LedgerError("away")

    heart = Heart(connect, worker="w", info={}, interval=0.01)
    heart.start()
    heart.stop()


def test_leaving_may_fail(heart: Heart, ledger: Ledger) -> None:
    """The roster forgets the worker by itself."""
    heart.start()
    assert ledger.beaten.wait(5)
    ledger.away = True
    heart.stop()
    assert "leave w" not in ledger.calls
