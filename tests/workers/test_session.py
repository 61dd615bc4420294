from itertools import pairwise
from typing import Any

import pytest

from farm.errors import StoreError
from farm.profile.record import WorkerInfo
from farm.profile.seconds import Kind, Session
from farm.store.memory import MemoryStore
from workers.session import SessionLog
from workers.stopwatch import Stopwatch


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = 10.0

    def __call__(self) -> float:
        """Now."""
        return self.now


class Bench:
    """A session whose thread is moved by hand."""

    def __init__(self, worker: WorkerInfo, store: MemoryStore, spans: int = 1000) -> None:
        self.clock, self.store = Clock(), store
        self.watch = Stopwatch(started_at=9.0, now=self.clock)
        self.log = SessionLog(store, worker=worker, watch=self.watch, started_at=9.0, spans=spans)

    def switch(self, kind: Kind, after: float, job: str | None = None) -> None:
        """Go on to something else."""
        self.clock.now += after
        self.watch.switch(kind, job=job)

    def parts(self) -> list[Session]:
        """What is in the store."""
        return [Session.from_json(self.store.get(key)) for key in self.store.list("workers/w/")]


@pytest.fixture
def bench(worker: WorkerInfo, store: MemoryStore) -> Bench:
    """A bench over an empty store."""
    return Bench(worker, store)


def test_a_session_reaches_up_to_now(bench: Bench) -> None:
    """The open span is in it, and every second from the start of the process."""
    bench.switch(Kind.IDLE, 1.0)
    bench.clock.now += 2.0
    bench.log.write()
    (part,) = bench.parts()
    assert (part.started_at, part.ended_at, part.residual_s) == (9.0, 13.0, 0.0)
    assert [span.kind for span in part.spans] == [Kind.START, Kind.IDLE]
    assert part.worker.session == "s"


def test_writing_again_replaces_what_was_there(bench: Bench) -> None:
    """One object that grows; an open span that went on is one span."""
    bench.switch(Kind.IDLE, 1.0)
    bench.log.write()
    bench.clock.now += 5.0
    bench.log.write()
    (part,) = bench.parts()
    assert part.ended_at == 16.0
    assert len(part.spans) == 2


def test_a_long_session_has_several_parts(worker: WorkerInfo, store: MemoryStore) -> None:
    """Each begins where the one before ends, so that no second falls between them."""
    bench = Bench(worker, store, spans=3)
    for number in range(20):
        bench.switch(Kind.DENOISE if number % 2 else Kind.LOAD, 1.0, job="j")
        bench.log.uploaded("j", 0.5)
        if number % 2:
            bench.log.write()
    bench.log.write()
    parts = bench.parts()
    assert len(parts) > 3
    assert [part.part for part in parts] == list(range(len(parts)))
    assert all(earlier.ended_at == later.started_at for earlier, later in pairwise(parts))
    spans = [span for part in parts for span in part.spans]
    assert all(earlier.stop == later.start for earlier, later in pairwise(spans))
    assert sum(part.wall_s for part in parts) == bench.clock.now - 9.0
    assert sum(part.upload_s.get("j", 0.0) for part in parts) == pytest.approx(10.0)


def test_a_store_that_is_away_loses_no_second(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rendering goes on, and the next write has it all."""

    def refuse(*_: Any, **__: Any) -> None:
        raise StoreError("away")

    with monkeypatch.context() as patch:
        patch.setattr(bench.store, "put", refuse)
        bench.switch(Kind.IDLE, 1.0)
        bench.log.write()
    bench.switch(Kind.LOAD, 1.0)
    bench.log.write()
    (part,) = bench.parts()
    assert [span.kind for span in part.spans] == [Kind.START, Kind.IDLE]
    assert part.residual_s == 0.0


def test_the_thread_writes_when_it_is_woken_and_at_the_end(bench: Bench) -> None:
    """Without waiting for its turn."""
    bench.log.start()
    bench.switch(Kind.IDLE, 1.0)
    bench.log.wake()
    bench.log.stop()
    (part,) = bench.parts()
    assert part.ended_at == 11.0
