from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from farm.errors import NotInStoreError
from farm.profile.outcome import Outcome
from farm.profile.seconds import Kind
from farm.report.load import load, read_attempts, record_names

if TYPE_CHECKING:
    from tests.farm.report.conftest import Farm


def test_names_come_in_one_order_and_without_strangers(rendered: Farm) -> None:
    """Objects that are no record are passed over, and positions order as numbers."""
    rendered.store.put("jobs/mugs/records/readme.txt", b"")
    rendered.record(2, 4, 11, outcome=Outcome.LOST)
    names = record_names(rendered.store, "mugs")
    assert [(name.range.start, name.token.counter) for name in names] == [(0, 1), (2, 11), (4, 2)]


def test_attempts_come_in_the_order_of_their_names(farm: Farm) -> None:
    """Reads run side by side, and the answer is as if they had not."""
    for counter in range(1, 100):
        farm.record(0, 4, counter)
    names = record_names(farm.store, "mugs")
    assert [one.record.counter for one in read_attempts(farm.store, names)] == list(range(1, 100))


def test_a_record_that_cannot_be_read_says_so(rendered: Farm) -> None:
    """A store's error reaches the caller; nothing is left out in silence."""
    names = record_names(rendered.store, "mugs")
    rendered.store.delete(list(rendered.store.list("jobs/mugs/records/")))
    with pytest.raises(NotInStoreError):
        list(read_attempts(rendered.store, names))


def test_a_job_is_loaded_with_the_sessions_of_its_workers(rendered: Farm) -> None:
    """All parts of a worker that served the job, oldest first, and no stranger's."""
    rendered.session(rendered.spans(110.0, (Kind.IDLE, 5.0)), part=1)
    first = rendered.session(rendered.spans(90.0, (Kind.START, 20.0)))
    rendered.session(rendered.spans(90.0, (Kind.START, 20.0)), worker=first.worker.model_copy(update={"id": "w2"}))
    data = load(rendered.store, "mugs")
    assert [(one.worker.id, one.part) for one in data.sessions] == [("w1", 0), ("w1", 1)]
    assert (data.started_at, data.ended_at, data.over) == (100.0, 120.0, True)
    assert data.folded.done == ((0, 8),)


def test_a_job_without_records_is_empty(farm: Farm) -> None:
    """A job that was only submitted can be asked for, too."""
    data = farm.data()
    assert (data.attempts, data.started_at, data.ended_at, data.over) == ((), None, None, False)
