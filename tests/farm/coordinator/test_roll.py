import io
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import polars as pl
import pytest

from farm.coordinator import finish, roll
from farm.coordinator.demand import JobView
from farm.coordinator.roll import Progress, Roller
from farm.profile.outcome import Outcome
from farm.report import slices
from farm.store import keys

Ticking = Any
Stage = Any


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Slices of eight positions, worth a look when two are new."""
    for module in (slices, roll, finish):
        monkeypatch.setattr(module, "SLICE", 8)
    monkeypatch.setattr(roll, "RIPE", 2)


class Rolling:
    """A roller on a clock that is set by hand, looking at one job."""

    def __init__(self, stage: Stage, job: str) -> None:
        self.stage, self.job, self.time = stage, job, 100.0
        self.pool = ThreadPoolExecutor(1)
        self.roller = Roller(stage.ledger, stage.store, self.pool, clock=lambda: self.time)

    def look(self, times: int = 1) -> None:
        """Look so many times, as the loop does, and wait for each."""
        for _ in range(times):
            ledger = self.stage.ledger
            view = JobView(ledger.entry(self.job), ledger.status(self.job), ledger.loads(self.job))
            self.roller.consider(view)
            self.pool.submit(int).result()
            self.roller.collect([self.job])

    def rows(self) -> dict[int, int]:
        """Slice -> pictures in its table."""
        parts = [key for key in self.stage.store.list(keys.tables(self.job)) if "images" in key]
        return {
            int(key.rpartition("-")[2].split(".")[0]): pl.read_parquet(io.BytesIO(self.stage.store.get(key))).height
            for key in parts
        }


@pytest.fixture
def rolling(stage: Stage) -> Iterator[Rolling]:
    """A job of 32 images, none rendered."""
    found = Rolling(stage, stage.submit(seed="1-16").job)
    yield found
    found.pool.shutdown()


def test_tables_grow_while_a_job_runs(rolling: Rolling) -> None:
    """Slice by slice, as soon as enough of one is rendered."""
    rolling.stage.render(rolling.job, 8)
    rolling.stage.render(rolling.job, 3)
    rolling.look()
    assert rolling.rows() == {0: 8}
    rolling.look()
    assert rolling.rows() == {0: 8, 1: 3}
    rolling.time += 10
    rolling.stage.render(rolling.job, 5)
    rolling.look(2)
    assert rolling.rows() == {0: 8, 1: 8}


def test_a_few_images_wait_until_nothing_is_added(rolling: Rolling) -> None:
    """A part is not written for every range; a slice that rests, as where a task failed, is written whole."""
    rolling.stage.render(rolling.job, 8)
    rolling.look()
    rolling.stage.render(rolling.job, 1)
    rolling.look()
    assert rolling.rows() == {0: 8}
    rolling.time += roll.QUIET + roll.PAUSE
    rolling.look()
    assert rolling.rows() == {0: 8, 1: 1}


def test_a_small_job_is_left_to_its_end(stage: Stage) -> None:
    """A job of one slice costs no look at the store while it runs."""
    rolling = Rolling(stage, stage.submit(seed="1-4").job)
    stage.render(rolling.job, 7)
    rolling.look(3)
    assert rolling.rows() == {}
    rolling.pool.shutdown()


def test_a_coordinator_that_was_killed_is_gone_on_with(rolling: Rolling, monkeypatch: pytest.MonkeyPatch) -> None:
    """The next one finds what is there as it is, and writes only what is behind."""
    rolling.stage.render(rolling.job, 8)
    rolling.stage.render(rolling.job, 8)
    rolling.look(2)
    rolling.stage.render(rolling.job, 8)
    other = Rolling(rolling.stage, rolling.job)
    written, put = list[str](), rolling.stage.store.put

    def spy(key: str, *arguments: Any, **named: Any) -> None:
        written.append(key)
        put(key, *arguments, **named)

    monkeypatch.setattr(rolling.stage.store, "put", spy)
    other.look(4)
    assert other.rows() == {0: 8, 1: 8, 2: 8}
    assert written == [keys.table(rolling.job, name, 2) for name in ("images", "batches", "attempts")]
    other.pool.shutdown()


def test_a_store_that_is_away_is_waited_for(
    rolling: Rolling, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The tables wait and the loop goes on; nothing is told the user, for nothing is late yet."""
    rolling.stage.render(rolling.job, 8)

    def away(*_: Any, **__: Any) -> Any:
        raise OSError("The store is away.")

    with monkeypatch.context() as patch:
        patch.setattr(rolling.stage.store, "list", away)
        rolling.look()
        assert "wait: The store is away." in caplog.text
    rolling.look()
    assert rolling.rows() == {}
    rolling.time += roll.RETRY_AFTER
    rolling.look()
    assert rolling.rows() == {0: 8}
    assert rolling.stage.ledger.status(rolling.job).reason is None


def test_a_job_that_is_over_is_forgotten(rolling: Rolling) -> None:
    """Its plan is not kept."""
    rolling.stage.render(rolling.job, 8)
    rolling.look()
    assert set(rolling.roller._jobs) == {rolling.job}
    rolling.roller.collect([])
    assert rolling.roller._jobs == {}


def test_the_slice_that_is_most_behind_comes_first() -> None:
    """Where groups are served side by side, many slices grow at once."""
    progress = Progress(plan=None)  # type: ignore[arg-type]
    assert progress.behind([1, 5, 3], now=0.0) == 1
    progress.rolled[1] = 5
    assert progress.behind([1, 5, 3], now=1.0) == 2
    progress.rolled[2] = 3
    assert progress.behind([1, 5, 4], now=2.0) is None
    assert progress.behind([1, 5, 4], now=roll.QUIET) == 0
    progress.rolled[0] = 1
    assert progress.behind([1, 5, 4], now=roll.QUIET + 1) is None
    assert progress.behind([1, 5, 4], now=roll.QUIET + 2) == 2


def test_a_coordinator_rolls_up_and_ends_a_job(ticking: Ticking) -> None:
    """All of it through the loop: parts while it runs, the rest and the results at the end.

    The last range is longer than a slice: all of it is in the slice that it begins in.
    """
    stage = ticking.stage
    job = stage.submit(seed="1-16").job
    stage.render(job, 8)
    stage.render(job, 8)
    for _ in range(200):
        ticking.tick()
        if sum("images" in key for key in stage.store.list(keys.tables(job))) == 2:
            break
        time.sleep(0.01)
    assert not stage.store.exists(keys.results(job))
    while not (leases := ticking.claim()):
        ticking.tick()
    for lease in leases:
        record = stage.record(lease, Outcome.RENDERED)
        stage.write(record, lease)
        stage.ledger.commit(lease, record.start, record.stop, seconds=1.0, price=None)
    for _ in range(500):
        ticking.tick()
        if job not in stage.ledger.active():
            break
        time.sleep(0.01)
    assert len(stage.store.get(keys.results(job)).splitlines()) == 32
    assert sum("images" in key for key in stage.store.list(keys.tables(job))) == 3


def test_a_frugal_process_says_so_before_polars_is_there() -> None:
    """Its allocator gives memory back, whatever a process with polars left to its children; threads are the user's."""
    code = (
        "import os, sys; from farm.coordinator.roll import be_frugal; be_frugal(); assert 'polars' not in sys.modules;"
        "import polars; print(polars.thread_pool_size(), os.environ['_RJEM_MALLOC_CONF'])"
    )
    for own, threads in (({}, "2"), ({"POLARS_MAX_THREADS": "3", "_RJEM_MALLOC_CONF": "dirty_decay_ms:500"}, "3")):
        run = subprocess.run([sys.executable, "-c", code], env=os.environ | own, capture_output=True, check=True)
        said = run.stdout.decode().split()
        assert said[0] == threads
        assert said[1].endswith("dirty_decay_ms:0,muzzy_decay_ms:0")
