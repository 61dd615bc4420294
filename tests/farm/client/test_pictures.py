import hashlib
from typing import TYPE_CHECKING

from farm.client.pictures import clusters, pictures, read_all, verify
from farm.plan.ranges import WorkRange
from farm.profile.outcome import Outcome, Token
from farm.store import keys
from farm.store.keys import RecordName

if TYPE_CHECKING:
    from tests.farm.conftest import Stage


def name(start: int, stop: int, counter: int = 1) -> RecordName:
    """The name of a rendered record."""
    return RecordName(WorkRange("mugs", start, stop), Token("1x0", counter), Outcome.RENDERED)


def test_records_that_overlap_are_read_together() -> None:
    """A task rendered twice has both records in one cluster, so that both hashes count."""
    names = [name(8, 16), name(0, 8), name(4, 8, 2), name(16, 24), name(20, 28, 3), name(23, 24, 4)]
    found = [[(each.range.start, each.range.stop) for each in cluster] for cluster in clusters(names)]
    assert found == [[(0, 8), (4, 8)], [(8, 16)], [(16, 24), (20, 28), (23, 24)]]


def test_no_records_make_no_clusters() -> None:
    """A job that has not begun has no pictures."""
    assert list(clusters([])) == []


def test_pictures_come_in_execution_order(stage: "Stage") -> None:
    """Every picture rendered so far, once, with its name and its hash."""
    job = stage.submit().job
    stage.render(job, 3)
    found = list(pictures(stage.store, job))
    assert [picture.position for picture in found] == [0, 1, 2]
    assert len({picture.name for picture in found}) == 3


def test_failed_records_name_no_pictures(stage: "Stage") -> None:
    """What failed has nothing to fetch."""
    job = stage.submit().job
    stage.fail(job)
    assert list(pictures(stage.store, job)) == []


def test_every_picture_is_verified(stage: "Stage") -> None:
    """All there and unchanged."""
    job = stage.submit().job
    stage.render(job)
    found = verify(stage.store, job)
    assert (found.images, found.ok) == (4, True)


def test_a_changed_and_a_lost_picture_are_named(stage: "Stage") -> None:
    """One byte is enough."""
    job = stage.submit().job
    names = stage.render(job)
    stage.store.put(keys.image(job, names[0]), b"something else")
    stage.store.delete([keys.image(job, names[1])])
    found = verify(stage.store, job)
    assert not found.ok
    assert (found.images, found.wrong, found.missing) == (4, (names[0],), (names[1],))


def test_the_hash_of_any_record_of_the_task_is_accepted(stage: "Stage") -> None:
    """A range rendered twice may differ in the last bit, and the later upload is what the store holds."""
    job = stage.submit().job
    names = stage.render(job, 2)
    first = next(iter(stage.store.list(keys.records(job))))
    other = b"the same picture from another worker"
    text = (
        stage.store.get(first)
        .decode()
        .replace(
            hashlib.sha256(stage.store.get(keys.image(job, names[0]))).hexdigest(), hashlib.sha256(other).hexdigest()
        )
    )
    stage.store.put(keys.record(WorkRange(job, 0, 2), Token("9x9", 7), Outcome.RENDERED), text.encode())
    stage.store.put(keys.image(job, names[0]), other)
    assert verify(stage.store, job).ok


def test_reading_goes_on_past_a_window(stage: "Stage") -> None:
    """More pictures than are read at once all come, in order."""
    job = stage.submit(seed="1-200").job
    stage.render(job, 400)
    positions = [picture.position for picture, data in read_all(stage.store, job) if data]
    assert positions == list(range(400))
