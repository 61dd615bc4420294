import hashlib
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import pytest

from farm.errors import StoreError
from farm.ledger.values import FailedPart, Lease, Progress, Signal
from farm.plan.plan import Plan
from farm.plan.ranges import WorkRange
from farm.profile.outcome import Outcome, Token
from farm.profile.record import Record, WorkerInfo
from farm.store import keys
from farm.store.memory import MemoryStore
from workers.attempt import Attempt, Busy, Picture
from workers.batch import Failure
from workers.lease import Held
from workers.parameters import Origin
from workers.publish import Publisher

ORIGIN = Origin(job="j", sampler="Euler", guidance_scale=None, model="m", model_hash="0")


class Session:
    """Remembers what it heard."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self.writes = 0

    def uploaded(self, job_id: str, seconds: float) -> None:
        """Add."""
        self.seconds[job_id] = self.seconds.get(job_id, 0.0) + seconds

    def write(self) -> None:
        """Count."""
        self.writes += 1


class Flaky(MemoryStore):
    """Fails so many times before it works; for keys that hold a word."""

    def __init__(self, failures: int, word: str = "") -> None:
        super().__init__()
        self.failures, self.word = failures, word

    def put(self, key: str, data: bytes, *, content_type: str = "", metadata: Mapping[str, str] | None = None) -> None:
        """Perhaps."""
        if self.word in key and self.failures > 0:
            self.failures -= 1
            raise StoreError("away")
        super().put(key, data, content_type=content_type, metadata=metadata)


class Bench:
    """A publisher, and an attempt at the first eight images of a plan."""

    def __init__(self, plan: Plan, ledger: Any, store: MemoryStore, worker: WorkerInfo) -> None:
        self.plan, self.ledger, self.store = plan, ledger, store
        self.session = Session()
        self.slept: list[float] = []
        self.publisher = Publisher(
            store,
            ledger,
            worker=worker,
            session=self.session,  # type: ignore[arg-type]  # a session of ours
            sleep=self.slept.append,
            now=lambda: 200.0,
        )
        lease = Lease(WorkRange(plan.job_id, 0, 8), Token("1x0", 1), 30.0, 100.0, 101.0)
        self.held = Held(lease, 0.0, lambda: 0.0)
        self.attempt = Attempt(held=self.held, plan=plan, tasks=(), started_at=102.0, busy=[Busy(0, 8, 4.0)])

    def add(self, *positions: int) -> None:
        """Hand pictures over."""
        for position in positions:
            pixels = np.full((64, 64, 3), position, dtype=np.uint8)
            self.publisher.add(self.attempt, Picture(position, self.plan.task(position), pixels, position, ORIGIN))

    def close(self) -> None:
        """Close the attempt and wait for it."""
        done = threading.Event()
        self.publisher.finish(self.attempt, done.set)
        assert done.wait(20)

    def records(self) -> list[Record]:
        """What was recorded, in order of positions."""
        found = [self.store.get(key) for key in self.store.list(keys.records(self.plan.job_id))]
        return sorted((Record.model_validate_json(data) for data in found), key=lambda one: one.start)


MakeBench = Callable[..., Bench]


@pytest.fixture
def bench(make_plan: Any, ledger: Any, store: MemoryStore, worker: WorkerInfo) -> Iterator[MakeBench]:
    """Makes benches; their threads end with the test."""
    made: list[Bench] = []

    def make(other: MemoryStore | None = None, *, plan: Plan | None = None) -> Bench:
        made.append(Bench(plan or make_plan(), ledger, store if other is None else other, worker))
        return made[-1]

    yield make
    for each in made:
        each.publisher.stop()


def test_pictures_then_records_then_the_ledger(bench: MakeBench, ledger: Any) -> None:
    """A whole range: eight pictures, one record, one commit, and nothing else to say."""
    one = bench()
    one.add(*range(8))
    one.close()
    (record,) = one.records()
    assert (record.start, record.stop, record.outcome) == (0, 8, Outcome.RENDERED)
    assert ledger.commits == [(0, 8, 4.0, 2.0)]
    assert (ledger.failed, ledger.returned) == ([], [])
    for image in record.images:
        stored = one.store.objects[keys.image(one.plan.job_id, image.name)]
        assert hashlib.sha256(stored.data).hexdigest() == image.sha256 == dict(stored.metadata)["sha256"]
        assert (len(stored.data), stored.content_type) == (image.bytes, "image/png")
        assert image.encode_s > 0
    assert one.session.writes == 1
    assert one.session.seconds[one.plan.job_id] > 0
    assert one.held.ticks == 9


def test_a_failure_costs_its_neighbours_nothing(bench: MakeBench, ledger: Any) -> None:
    """They are committed; one call closes the attempt and names what failed."""
    one = bench()
    one.add(0, 1, 3, 4, 5, 6, 7)
    one.attempt.failures.append(Failure(2, 3, "RenderError", "It came out black."))
    one.close()
    assert [(start, stop) for start, stop, _, _ in ledger.commits] == [(0, 2), (3, 8)]
    assert ledger.failed == [
        {"failed": [FailedPart(2, 3, "It came out black.")], "worker": "w", "seconds": 0.5, "price": 2.0}
    ]
    assert [record.outcome for record in one.records()] == [Outcome.RENDERED, Outcome.FAILED, Outcome.RENDERED]
    assert one.records()[1].error is not None


def test_every_failure_keeps_its_own_sentence(bench: MakeBench, ledger: Any) -> None:
    """And says whether trying again is of any use."""
    one = bench()
    one.attempt.failures += [
        Failure(0, 4, "RenderError", "No such scheduler.", certain=True), Failure(4, 8, "ValueError", "bad shape")
    ]  # fmt: skip
    one.close()
    assert ledger.failed[0]["failed"] == [
        FailedPart(0, 4, "No such scheduler.", certain=True), FailedPart(4, 8, "bad shape")
    ]  # fmt: skip


def test_a_drained_rest_goes_back(bench: MakeBench, ledger: Any) -> None:
    """What is rendered is committed; what was not begun costs nothing and leaves no record."""
    one = bench()
    one.attempt.busy = [Busy(0, 4, 4.0)]
    one.attempt.stopped = Signal.DRAIN
    one.add(*range(4))
    one.close()
    assert [(start, stop) for start, stop, _, _ in ledger.commits] == [(0, 4)]
    assert ledger.returned == [0.0]
    assert [record.outcome for record in one.records()] == [Outcome.RENDERED]


def test_a_cancelled_rest_is_recorded_with_its_seconds(bench: MakeBench, ledger: Any) -> None:
    """The user pays for what was spent."""
    one = bench()
    one.attempt.stopped = Signal.CANCEL
    one.close()
    assert ledger.commits == []
    assert ledger.returned == [4.0]
    assert [(record.outcome, record.busy_s) for record in one.records()] == [(Outcome.CANCELLED, 4.0)]


def test_a_store_that_comes_back_fails_nothing(bench: MakeBench, ledger: Any) -> None:
    """Writes are tried again, after longer and longer waits."""
    one = bench(Flaky(4))
    one.add(*range(8))
    one.close()
    assert [(start, stop) for start, stop, _, _ in ledger.commits] == [(0, 8)]
    assert one.slept[0] == 0.5
    assert len(one.slept) == 4


def test_pictures_outlive_a_lease_that_cannot_be_renewed(bench: MakeBench, ledger: Any) -> None:
    """Redis and the store may be without room together: what is rendered is kept until both take it."""
    one = bench(Flaky(4))
    one.held.proved_at = -1000.0
    assert not one.held.live
    one.add(*range(8))
    one.close()
    assert [(start, stop) for start, stop, _, _ in ledger.commits] == [(0, 8)]


def test_a_worker_that_waits_says_for_what(bench: MakeBench) -> None:
    """The next renewal tells the job's user what the store says, and that something moves."""
    one = bench(Flaky(1))
    seen: list[Progress] = []
    one.publisher._sleep = lambda _: seen.append(one.held.progress())
    one.held.publishing()
    one.add(0)
    one.close()
    (waiting,) = seen
    assert (waiting.doing, waiting.ticks) == ("waiting", 1)
    assert waiting.trouble == "Worker w waits to store what it has rendered. away"
    after = one.held.progress()
    assert (after.doing, after.trouble) == ("publishing", "")


def test_a_worker_that_is_to_end_does_not_wait_for_ever(bench: MakeBench, ledger: Any) -> None:
    """Less than the supervisor gives it: then its range goes back, without a strike."""
    one = bench(Flaky(10_000))
    one.held.signal = Signal.DRAIN
    one.add(0)
    one.close()
    assert 8 <= sum(one.slept) / 2 <= 9  # the picture, then the record of what went back
    assert (ledger.commits, ledger.failed, len(ledger.returned)) == ([], [], 1)


def test_a_store_that_stays_away_gives_up_with_the_lease(bench: MakeBench, ledger: Any) -> None:
    """The pictures are nowhere: the positions go back."""
    one = bench(Flaky(10_000))
    one.held.signal = Signal.LOST
    one.add(0, 1)
    one.close()
    assert ledger.commits == []
    assert len(ledger.returned) == 1


def test_without_a_record_nothing_is_committed(bench: MakeBench, ledger: Any) -> None:
    """The record is what a rebuild goes by."""
    one = bench(Flaky(10_000, "records/"))
    one.held.signal = Signal.LOST
    one.add(*range(8))
    one.close()
    assert ledger.commits == []


def test_a_ledger_that_comes_back_hears_of_it(bench: MakeBench, ledger: Any) -> None:
    """A commit is tried until Redis answers."""
    one = bench()
    ledger.away = 3
    one.add(*range(8))
    one.close()
    assert [(start, stop) for start, stop, _, _ in ledger.commits] == [(0, 8)]
    assert one.slept == [0.5, 1.0, 2.0]


def test_a_ledger_that_stays_away_is_left_to_the_rebuild(bench: MakeBench, ledger: Any) -> None:
    """The thread ends; the record is in the store."""
    one = bench()
    ledger.away = 10_000
    one.add(*range(8))
    one.close()
    assert len(one.records()) == 1
    assert sum(one.slept) >= 12 * 3600


def test_a_picture_that_cannot_be_encoded_fails_alone(bench: MakeBench, ledger: Any) -> None:
    """Whatever an encoder raises."""
    one = bench()
    one.add(*range(7))
    task = one.plan.task(7)
    one.publisher.add(one.attempt, Picture(7, task, np.zeros((4, 4, 7), dtype=np.uint8), 7, ORIGIN))
    one.close()
    assert [(start, stop) for start, stop, _, _ in ledger.commits] == [(0, 7)]
    (part,) = ledger.failed[0]["failed"]
    assert (part.start, part.stop, part.certain) == (7, 8, False)
    assert "cannot be written as png" in part.sentence


def test_metadata_can_be_left_out(bench: MakeBench, make_plan: Any) -> None:
    """`output.prompt_metadata: false` keeps the prompt to ourselves."""
    one = bench(plan=make_plan(output={"prompt_metadata": False}))
    one.add(0)
    one.close()
    (key,) = one.store.list(keys.images(one.plan.job_id))
    assert b"red circle" not in one.store.get(key)


def test_only_so_many_ranges_wait(bench: MakeBench) -> None:
    """The third range waits at the door until the first has left."""
    publisher = bench().publisher
    assert publisher.enter(wait=False)
    assert publisher.enter(wait=False)
    assert not publisher.enter(wait=False)
    publisher.leave()
    assert publisher.enter(wait=True)
