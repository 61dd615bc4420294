import hashlib
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from farm.client.pictures import Finding, Picture, clusters, covered, pictures, read, rendered
from farm.errors import StoreError
from farm.plan.ranges import WorkRange
from farm.profile.outcome import Outcome, Token
from farm.store import keys
from farm.store.keys import RecordName
from farm.store.memory import MemoryStore

if TYPE_CHECKING:
    from tests.farm.conftest import Stage


def name(start: int, stop: int, counter: int = 1) -> RecordName:
    """The name of a rendered record."""
    return RecordName(WorkRange("mugs", start, stop), Token("1x0", counter), Outcome.RENDERED)


def test_records_that_overlap_are_read_together() -> None:
    """A task rendered twice has both records in one cluster, so that both hashes count."""
    names = [name(0, 8), name(4, 8, 2), name(8, 16), name(16, 24), name(20, 28, 3), name(23, 24, 4)]
    found = [[(each.range.start, each.range.stop) for each in cluster] for cluster in clusters(names)]
    assert found == [[(0, 8), (4, 8)], [(8, 16)], [(16, 24), (20, 28), (23, 24)]]


def test_no_records_make_no_clusters() -> None:
    """A job that has not begun has no pictures."""
    assert list(clusters([])) == []


@given(st.lists(st.tuples(st.integers(0, 60), st.integers(1, 20)), max_size=12))
def test_pictures_named_twice_count_once(spans: list[tuple[int, int]]) -> None:
    """However the ranges were sent again, halved and rendered twice."""
    names = sorted((name(start, start + size) for start, size in spans), key=lambda each: each.range.start)
    assert covered(names) == len({place for start, size in spans for place in range(start, start + size)})


def test_pictures_come_in_execution_order(stage: "Stage") -> None:
    """Every picture rendered so far, once, with its name and its hash."""
    job = stage.submit(seed="1-200").job
    for _ in range(4):
        stage.render(job, 100)
    names = rendered(stage.store, job)
    found = list(pictures(stage.store, names))
    assert [picture.position for picture in found] == list(range(400))
    assert len({picture.name for picture in found}) == covered(names) == 400


def test_failed_records_name_no_pictures(stage: "Stage") -> None:
    """What failed has nothing to fetch."""
    job = stage.submit().job
    stage.fail(job)
    assert rendered(stage.store, job) == []


def test_every_record_of_a_task_has_its_say(stage: "Stage") -> None:
    """A range rendered twice may differ in the last bit, and the later upload is what the store holds."""
    job = stage.submit().job
    stage.render(job, 2)
    (first,) = stage.store.list(keys.records(job))
    (picture, _) = pictures(stage.store, rendered(stage.store, job))
    other = hashlib.sha256(b"the same picture from another worker").hexdigest()
    text = stage.store.get(first).decode().replace(next(iter(picture.sha256)), other)
    stage.store.put(keys.record(WorkRange(job, 0, 2), Token("9x9", 7), Outcome.RENDERED), text.encode())
    (again, _) = pictures(stage.store, rendered(stage.store, job))
    assert again.sha256 == picture.sha256 | {other}


class Noisy(MemoryStore):
    """Spoils what is read the first time."""

    def __init__(self) -> None:
        super().__init__()
        self.reads = 0

    def get(self, key: str) -> bytes:
        """Spoilt, then as it is."""
        self.reads += 1
        return b"noise" if self.reads == 1 else super().get(key)


def test_damage_on_the_way_is_no_damage() -> None:
    """What arrives wrong is asked for once more before the store is blamed."""
    store = Noisy()
    store.put(keys.image("mugs", "a.png"), b"right")
    picture = Picture(0, "a.png", frozenset({hashlib.sha256(b"right").hexdigest()}))
    assert read(store, "mugs", picture) == (Finding.FINE, b"right")


class Failing(MemoryStore):
    """Fails to give objects, or is away altogether."""

    def __init__(self, *, away: bool) -> None:
        super().__init__()
        self.away = away

    def get(self, key: str) -> bytes:
        """Never."""
        raise StoreError(f"{key} cannot be read.")

    def exists(self, key: str) -> bool:
        """While it is there."""
        if self.away:
            raise StoreError("It is away.")
        return super().exists(key)


def test_a_picture_that_cannot_be_read_stops_no_other() -> None:
    """A bad sector under one object is that object's; a store that is away is everybody's."""
    for away in (False, True):
        store, picture = Failing(away=away), Picture(0, "a.png", frozenset({"0"}))
        store.put(keys.image("mugs", "a.png"), b"right")
        if away:
            with pytest.raises(StoreError, match="away"):
                read(store, "mugs", picture)
        else:
            assert read(store, "mugs", picture) == (Finding.DAMAGED, b"")


def test_what_is_missing_or_damaged_has_no_bytes() -> None:
    """So that nobody writes them down by mistake."""
    store = MemoryStore()
    store.put(keys.image("mugs", "a.png"), b"wrong")
    assert read(store, "mugs", Picture(0, "a.png", frozenset({"0"}))) == (Finding.DAMAGED, b"")
    assert read(store, "mugs", Picture(0, "b.png", frozenset({"0"}))) == (Finding.MISSING, b"")
