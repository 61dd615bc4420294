from __future__ import annotations

from typing import TYPE_CHECKING

from farm.profile.seconds import Kind
from farm.report.load import load

if TYPE_CHECKING:
    from tests.farm.report.conftest import Farm


def test_a_job_is_loaded_with_the_sessions_of_its_workers(rendered: Farm) -> None:
    """All parts of a worker that served the job, oldest first, and no stranger's; as often as they are asked for."""
    rendered.session(rendered.spans(110.0, (Kind.IDLE, 5.0)), part=1)
    first = rendered.session(rendered.spans(90.0, (Kind.START, 20.0)))
    rendered.session(rendered.spans(90.0, (Kind.START, 20.0)), worker=first.worker.model_copy(update={"id": "w2"}))
    data = load(rendered.store, "mugs")
    for _ in range(2):
        assert [(one.worker.id, one.part) for one in data.sessions] == [("w1", 0), ("w1", 1)]
    assert (data.measured.started_at, data.measured.ended_at, data.over) == (100.0, 120.0, True)
    assert data.folded.done == ((0, 8),)


def test_a_job_without_records_is_empty(farm: Farm) -> None:
    """A job that was only submitted can be asked for, too."""
    data = farm.data()
    assert (data.attempts, data.measured.started_at, data.measured.ended_at, data.over) == ([], None, None, False)
    assert list(data.sessions) == []


def test_tokens_know_what_their_attempts_won(rendered: Farm) -> None:
    """An attempt of two records has the positions of both; one that won nothing is not there."""
    rendered.store.delete(list(rendered.store.list("jobs/mugs/records/4-8")))
    rendered.record(4, 5, 2)
    rendered.record(6, 8, 2)
    rendered.record(0, 4, 9)
    assert rendered.data().won_by_token() == {rendered.token(1): [(0, 4)], rendered.token(2): [(4, 5), (6, 8)]}


def test_finished_tables_are_read_instead_of_records(rendered: Farm) -> None:
    """A report of a large job does not read its records again."""
    before = load(rendered.store, "mugs")
    rendered.finish()
    for key in list(rendered.store.list("jobs/mugs/records/")):
        rendered.store.put(key, b"not to be read")
    after = load(rendered.store, "mugs")
    assert after.attempts == before.attempts
    assert after.measured.groups.rows() == before.measured.groups.rows()
