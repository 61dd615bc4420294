"""A large job through a real farm whose renderer draws nothing: tables, results and report, whoever is killed."""

import io
import json
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest

from farm.client import Farm
from farm.client.control import Verb
from farm.client.submit import read_plan
from farm.ledger.values import JobState
from farm.report.slices import SLICE
from farm.store import keys
from tests.bench.renderer import Pace, Stats, render
from tests.farm.report.oracle import Oracle, same

if TYPE_CHECKING:
    from farm.store.store import Store
    from tests.live.conftest import RunningFarm, StartFarm

Eventually = Callable[..., None]
IMAGES, FAIL_EVERY = 16_000, 5_000


@contextmanager
def renderer(running: "RunningFarm", pace: Pace) -> Iterator[Future[Stats]]:
    """Eight workers that draw nothing while the block runs."""
    stop = threading.Event()
    with ThreadPoolExecutor(1) as pool:
        work = pool.submit(render, running.settings, [f"fake-{n}" for n in range(8)], stop=stop, pace=pace)
        yield work
        stop.set()


def tables(store: "Store", job: str, name: str) -> pl.DataFrame:
    """All parts of a table."""
    found = [key for key in store.list(keys.tables(job)) if key.rpartition("/")[2].startswith(name)]
    return pl.concat(pl.read_parquet(io.BytesIO(store.get(key))) for key in found)


def lines(store: "Store", key: str) -> list[dict[str, Any]]:
    """A file of JSON Lines."""
    return [json.loads(line) for line in store.get(key).split(b"\n")[:-1]]


def check(running: "RunningFarm", client: Farm, job: str) -> None:
    """Results, tables and report are what the records say."""
    store = running.store
    plan, oracle = read_plan(store, job), Oracle.of(store, job)
    found, expected = lines(store, keys.results(job)), oracle.results(plan)
    assert len(found) == len(expected) == len(oracle.winners)
    assert all(same(line, other) for line, other in zip(found, expected, strict=True))
    assert sorted(tables(store, job, "images")["position"]) == sorted(oracle.winners)
    assert tables(store, job, "attempts").height == len(oracle.records)
    report = client.report(job)
    oracle.check(report)
    assert abs(report.ledger.residual_s) <= 0.01 * report.ledger.wall_s


@pytest.mark.timeout(300)
def test_a_large_job_is_rolled_up_while_it_runs_and_outlives_its_coordinator(
    farm: "StartFarm", eventually: Eventually
) -> None:
    """Killed in the middle, ended with a few failures, retried: every picture is in the tables and results once."""
    running = farm(workers=0)
    manifest = {
        "name": "large",
        "render": {"model": "builtin:shapes", "prompt": ["a red circle", "a blue star"], "seed": f"1-{IMAGES // 4}",
                   "steps": [4, 8]},
        "run": {"range": 128},
    }  # fmt: skip
    with Farm.connect(running.settings) as client:
        job = client.submit(manifest).job
        with renderer(running, Pace(image_s=0.002, fail_every=FAIL_EVERY)):
            rolled = keys.table(job, "attempts", 0)
            eventually(lambda: running.store.exists(rolled), "a part of the tables", timeout=60)
            assert SLICE // 4 <= client.status(job).images.done < IMAGES
            running.kill("coordinator")
            ended = client.wait(job, timeout=120)
        assert (ended.state, ended.images.done) == (JobState.FAILED, IMAGES - 4)
        errors = lines(running.store, keys.errors(job))
        assert [line["error"] for line in errors] == ["The picture is black."] * 4
        check(running, client, job)

        with renderer(running, Pace()):
            assert client.tell(job, Verb.RETRY) == 4
            assert client.wait(job, timeout=60).state is JobState.DONE
        assert running.store.get(keys.errors(job)) == b""
        assert [line["index"] for line in lines(running.store, keys.results(job))] == list(range(IMAGES))
        assert tables(running.store, job, "images").height == client.report(job).totals.images == IMAGES
    status = Path(f"/proc/{running.pid('coordinator')}/status").read_text()
    peak = next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM"))
    assert int(peak) < 200 << 10
