from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from farm.errors import NotInStoreError, StoreError
from farm.profile.fold import fold
from farm.profile.outcome import Outcome
from farm.report import parts
from farm.report.parts import Tables, read_records, record_names
from farm.report.slices import slices
from farm.store import keys

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from farm.profile.record import Record
    from farm.report.parts import Part
    from farm.store.keys import RecordName
    from farm.store.store import Store
    from tests.farm.report.conftest import Farm


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[RecordName]:
    """The names of the records that were read."""
    found: list[RecordName] = []

    def spy(store: Store, names: Iterable[RecordName]) -> Iterator[tuple[RecordName, Record]]:
        for name, record in read_records(store, names):
            found.append(name)
            yield name, record

    monkeypatch.setattr(parts, "read_records", spy)
    return found


def current(farm: Farm) -> Part:
    """The job's first part, brought up to date."""
    names = record_names(farm.store, "mugs")
    folded = fold(names)
    return Tables(farm.store, "mugs", farm.plan.tasks).part(slices(names, folded)[0], folded)


def stored(farm: Farm) -> dict[str, bytes]:
    """The tables in the store."""
    return {key: farm.store.get(key) for key in farm.store.list(keys.tables("mugs"))}


def test_names_come_in_one_order_and_without_strangers(rendered: Farm) -> None:
    """Objects that are no record are passed over, and positions order as numbers."""
    rendered.store.put("jobs/mugs/records/readme.txt", b"")
    rendered.record(2, 4, 11, outcome=Outcome.LOST)
    names = record_names(rendered.store, "mugs")
    assert [(name.range.start, name.token.counter) for name in names] == [(0, 1), (2, 11), (4, 2)]


def test_records_come_in_the_order_of_their_names(farm: Farm) -> None:
    """Reads run side by side, and the answer is as if they had not."""
    for counter in range(1, 100):
        farm.record(0, 4, counter)
    names = record_names(farm.store, "mugs")
    assert [record.counter for _, record in read_records(farm.store, names)] == list(range(1, 100))


def test_a_record_that_cannot_be_read_says_so(rendered: Farm) -> None:
    """Nothing is left out in silence: a record that is gone, or is none, is named."""
    names = record_names(rendered.store, "mugs")
    key = next(rendered.store.list("jobs/mugs/records/"))
    rendered.store.put(key, b"{}")
    with pytest.raises(StoreError, match=f"The record {key} is damaged"):
        list(read_records(rendered.store, names))
    rendered.store.delete([key])
    with pytest.raises(NotInStoreError):
        list(read_records(rendered.store, names))


def test_a_picture_without_a_batch_names_its_record(farm: Farm) -> None:
    """A record that contradicts itself is as good as damaged."""
    record = farm.record(0, 4, 1)
    key = next(farm.store.list("jobs/mugs/records/"))
    farm.store.put(key, record.model_copy(update={"batches": []}).model_dump_json().encode())
    with pytest.raises(StoreError, match=f"The record {key} is damaged"):
        current(farm)


def test_a_part_that_is_up_to_date_is_only_read(rendered: Farm, read: list[RecordName]) -> None:
    """Whoever comes next finds it as it is, and touches neither records nor tables."""
    first = current(rendered)
    before = stored(rendered)
    read.clear()
    again = current(rendered)
    assert read == []
    assert {name: frame.to_dicts() for name, frame in again.frames.items()} == {
        name: frame.to_dicts() for name, frame in first.frames.items()
    }
    assert stored(rendered) == before


def test_only_new_records_are_read(farm: Farm, read: list[RecordName]) -> None:
    """A part grows by what was rendered since, and ends as if it had been written at once."""
    farm.record(0, 4, 1)
    current(farm)
    read.clear()
    farm.record(4, 8, 2)
    current(farm)
    assert [name.range.start for name in read] == [4]
    grown = stored(farm)
    farm.store.delete(list(grown))
    current(farm)
    assert stored(farm) == grown


def test_a_late_record_with_an_earlier_token_takes_its_pictures_back(farm: Farm) -> None:
    """The fold decides by age, not by arrival: the part is what it would be had the record come in time."""
    farm.record(0, 8, 5)
    current(farm)
    farm.record(2, 6, 3, worker=farm.worker.model_copy(update={"id": "w2"}))
    late = current(farm)
    workers = dict(zip(late.frames["images"]["position"], late.frames["images"]["worker"], strict=True))
    assert workers == {position: "w2" if 2 <= position < 6 else "w1" for position in range(8)}
    assert {one.counter: one.won for one in late.attempts()} == {5: 4, 3: 4}
    assert sorted((one.start, one.won) for one in late.batches()) == [(0, 4), (2, 4)]
    before = stored(farm)
    farm.store.delete(list(before))
    current(farm)
    assert stored(farm) == before


@pytest.mark.parametrize("name", ["images", "batches", "attempts"])
def test_a_part_of_which_a_table_is_missing_or_strange_is_made_anew(
    rendered: Farm, name: str, read: list[RecordName]
) -> None:
    """A writer that was killed between two objects, or was not ours: the records decide."""
    current(rendered)
    whole = stored(rendered)
    key = keys.table("mugs", name, 0)
    other = type(rendered)()
    other.record(0, 1, 1)
    current(other)
    for strange in (b"", b"no table", whole[keys.table("mugs", "images" if name == "attempts" else "attempts", 0)],
                    other.store.get(key)):  # fmt: skip
        rendered.store.put(key, strange)
        read.clear()
        current(rendered)
        assert len(read) == 2
        assert stored(rendered) == whole


def test_records_that_are_gone_are_gone_from_the_part(rendered: Farm) -> None:
    """Whoever deletes a record deletes its pictures from the tables."""
    current(rendered)
    rendered.store.delete(list(rendered.store.list("jobs/mugs/records/4-8")))
    assert current(rendered).frames["images"]["position"].to_list() == [0, 1, 2, 3]


def test_without_tasks_nothing_is_written(rendered: Farm) -> None:
    """A report reads tables, brings them up to date in memory, and leaves the store alone."""
    names = record_names(rendered.store, "mugs")
    folded = fold(names)
    [piece] = slices(names, folded)
    part = Tables(rendered.store, "mugs").part(piece, folded)
    assert set(part.frames) == {"attempts", "batches"}
    assert stored(rendered) == {}
