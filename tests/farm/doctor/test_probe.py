from collections.abc import Iterable

import pytest

from farm.doctor.probe import probe
from farm.errors import StoreError
from farm.store.memory import MemoryStore


class Keeper(MemoryStore):
    """A store that refuses some verbs."""

    def __init__(self, *refused: str) -> None:
        super().__init__()
        self.refused = refused
        self.asked: list[str] = []

    def _ask(self, verb: str) -> None:
        self.asked.append(verb)
        if verb in self.refused:
            raise StoreError(f"The store does not let us {verb}: check the keys.")

    def put(self, key: str, data: bytes, **_: object) -> None:
        """Perhaps."""
        self._ask("put")
        super().put(key, data)

    def get(self, key: str) -> bytes:
        """Perhaps."""
        self._ask("get")
        return super().get(key)

    def delete(self, keys: Iterable[str]) -> None:
        """Perhaps."""
        self._ask("delete")
        super().delete(keys)


def test_a_store_that_takes_and_gives_is_fine() -> None:
    """Every verb is tried, and nothing of the trial is left."""
    store = MemoryStore()
    check = probe(store, "s3.example")
    assert check.ok
    assert check.detail.startswith("s3.example: put, get, list and delete in ")
    assert store.objects == {}


@pytest.mark.parametrize(
    ("refused", "said"),
    [
        (("put",), "put refused, get, list, delete fine. The store does not let us put"),
        (("get",), "get refused, put, list, delete fine. The store does not let us get"),
        (("get", "put"), "put, get refused, list, delete fine. The store does not let us put"),
    ],
)
def test_what_is_refused_is_named_beside_what_works(refused: tuple[str, ...], said: str) -> None:
    """Whoever gives out rights reads which one is missing."""
    check = probe(Keeper(*refused), "s3.example")
    assert (check.ok, check.detail, check.advice) == (False, said, "Check the keys.")


def test_what_cannot_be_deleted_is_said_to_stay() -> None:
    """The one trial that leaves something says where."""
    store = Keeper("delete")
    check = probe(store, "s3.example")
    (left,) = store.objects
    assert f"delete refused, put, get, list fine; {left} stays there. " in check.detail


def test_a_store_that_is_slow_to_refuse_is_asked_once() -> None:
    """Four verbs of ten seconds each would be more than a health check has."""
    ticks = iter(range(0, 100, 10))
    store = Keeper("put", "get", "list", "delete")
    check = probe(store, "s3.example", clock=lambda: float(next(ticks)))
    assert store.asked == ["put"]
    assert check.detail == "The store does not let us put"


class Forgetful(MemoryStore):
    """A store that says yes and keeps nothing."""

    def put(self, key: str, data: bytes, **_: object) -> None:
        """Say yes."""


def test_a_store_that_keeps_nothing_is_red() -> None:
    """Yes is not enough: what was written must come back."""
    check = probe(Forgetful(), "s3.example")
    assert not check.ok
    assert "get, list refused, put, delete fine. The store at s3.example does not give back" in check.detail
