from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from farm.profile.seconds import Kind
from farm.report.sessions import read_sessions
from farm.store.memory import MemoryStore

if TYPE_CHECKING:
    import pytest

    from tests.farm.report.conftest import Farm

DAY = 86_400.0


def write_days(farm: Farm, days: int, parts: int) -> None:
    """One session a day of worker w1, of so many parts of an hour each."""
    for day in range(days):
        begun = day * DAY
        worker = farm.worker.model_copy(update={"session": f"{int(begun * 1000)}x00"})
        for part in range(parts):
            farm.session(farm.spans(begun + part * 3600, (Kind.IDLE, 3600.0)), worker=worker, part=part)


def test_only_sessions_of_the_time_are_read(farm: Farm, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a month of long sessions, the parts that overlap an hour and a half cost a few reads."""
    write_days(farm, 30, 20)
    read: list[str] = []
    get = MemoryStore.get

    def counted(store: MemoryStore, key: str) -> bytes:
        read.append(key)
        return get(store, key)

    monkeypatch.setattr(MemoryStore, "get", counted)
    start = 12 * DAY + 5.5 * 3600
    found = list(read_sessions(farm.store, {"w1"}, start=start, stop=start + 5400))
    assert [one.started_at for one in found] == [12 * DAY + 5 * 3600, 12 * DAY + 6 * 3600]
    assert len(read) <= 12


def test_a_time_over_midnight_takes_both_sessions(farm: Farm) -> None:
    """The end of one session and the beginning of the next, in order."""
    write_days(farm, 3, 24)
    found = read_sessions(farm.store, {"w1"}, start=2 * DAY - 1800, stop=2 * DAY + 1800)
    assert [one.started_at for one in found] == [2 * DAY - 3600, 2 * DAY]


def test_a_clock_that_is_a_little_off_loses_nothing(farm: Farm) -> None:
    """A session that seems to begin seconds after the job's end is looked at; the ledger clips it."""
    farm.session(farm.spans(100.0, (Kind.IDLE, 5.0)), worker=farm.worker.model_copy(update={"session": "100000x00"}))
    assert len(list(read_sessions(farm.store, {"w1"}, start=10.0, stop=99.0))) == 1
    assert list(read_sessions(farm.store, {"w1"}, start=10.0, stop=20.0)) == []


def test_strangers_in_the_folder_are_passed_over(farm: Farm) -> None:
    """A file that is no session does not stop a report."""
    farm.store.put("workers/w1/notes.txt", b"")
    assert list(read_sessions(farm.store, {"w1", "nobody"}, start=0.0, stop=1.0)) == []


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])  # it only lends its class
@given(
    sessions=st.lists(st.lists(st.integers(1, 50), min_size=1, max_size=6), max_size=5),
    start=st.integers(0, 400),
    length=st.integers(0, 200),
)
def test_what_is_found_is_what_overlaps(farm: Farm, sessions: list[list[int]], start: int, length: int) -> None:
    """Sessions of any number of parts of any length: every part that reaches into the time is read, in order."""
    farm, at, overlapping, all_parts = type(farm)(), 0.0, set[float](), 0
    for parts in sessions:
        worker = farm.worker.model_copy(update={"session": f"{int(at * 1000)}x00"})
        for number, seconds in enumerate(parts):
            farm.session(farm.spans(at, (Kind.IDLE, float(seconds))), worker=worker, part=number)
            if at < start + length and at + seconds > start:
                overlapping.add(at)
            at, all_parts = at + seconds, all_parts + 1
        at += 7
    found = list(read_sessions(farm.store, {"w1"}, start=float(start), stop=float(start + length)))
    assert overlapping <= {one.started_at for one in found}
    assert [one.started_at for one in found] == sorted(one.started_at for one in found)
    assert len(found) <= all_parts
