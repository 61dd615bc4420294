import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch

from farm.errors import DamagedError, LedgerError, ModelError, StoreError
from farm.ledger.values import Refusal, Signal
from farm.manifest.task import PipelineKey
from farm.profile.outcome import Outcome
from farm.profile.record import Record, WorkerInfo
from farm.profile.seconds import Kind, Session, seconds_by_kind
from farm.store import keys
from farm.store.memory import MemoryStore
from workers.child import Child, assemble
from workers.device import Device
from workers.locate import Find
from workers.origin import origin_of
from workers.pipeline import Loaded
from workers.shelf import Shelf
from workers.stopwatch import steady


class Bench:
    """A child with everything but Celery, its ledger and its store in memory."""

    def __init__(self, child: Child, ledger: Any, store: MemoryStore) -> None:
        self.child, self.ledger, self.store = child, ledger, store

    def run(self, job: str, start: int, stop: int) -> None:
        """Render a range, and publish it."""
        self.child.run(job, start, stop)
        self.child.publisher.stop()

    def outcomes(self, job: str) -> dict[tuple[int, int], Outcome]:
        """What was recorded of a job."""
        found = (Record.model_validate_json(self.store.get(key)) for key in self.store.list(keys.records(job)))
        return {(record.start, record.stop): record.outcome for record in found}

    def session(self) -> Session:
        """The ledger of seconds."""
        self.child.session.write()
        (key,) = self.store.list("workers/")
        return Session.from_json(self.store.get(key))


@pytest.fixture
def bench(ledger: Any, store: MemoryStore, worker: WorkerInfo, device: Device, shelf: Shelf) -> Iterator[Bench]:
    """A child that is ready, its threads not started."""
    child = assemble(
        ledger=ledger, store=store, worker=worker, device=device, shelf=shelf, started_at=0.0, now=steady()
    )
    child.runner.watch.switch(Kind.IDLE)
    yield Bench(child, ledger, store)
    child.publisher.stop()


def test_a_range_is_rendered_and_committed(bench: Bench, make_plan: Any) -> None:
    """From the message to the ledger; afterwards nothing is held and every second has its place."""
    plan = make_plan(bench.store)
    bench.run(plan.job_id, 0, 4)
    assert bench.outcomes(plan.job_id) == {(0, 4): Outcome.RENDERED}
    ((start, stop, seconds, price),) = bench.ledger.commits
    assert (start, stop, price) == (0, 4, 2.0)
    assert not bench.child.keeper.busy
    assert bench.ledger.notes["doing"] == "idle"
    assert bench.ledger.notes["loaded"] == [plan.groups[0].queue]
    session = bench.session()
    spent = seconds_by_kind(span for span in session.spans if span.job == plan.job_id)
    assert seconds == pytest.approx(sum(spent.values()), rel=0.05, abs=0.3)
    assert spent[Kind.LOAD] > 0
    assert spent[Kind.ENCODE_PROMPT] > 0
    assert session.residual_s == pytest.approx(0.0, abs=1e-6)


@pytest.mark.parametrize("refusal", list(Refusal))
def test_a_range_that_is_not_granted_renders_nothing(bench: Bench, make_plan: Any, refusal: Refusal) -> None:
    """A message is a hint: redelivered, cancelled and taken ranges cost no GPU time."""
    plan = make_plan(bench.store)
    bench.ledger.refusal = refusal
    bench.run(plan.job_id, 0, 4)
    assert bench.outcomes(plan.job_id) == {}
    assert bench.child.runner.cache.queues == ()


def test_a_ledger_that_is_away_grants_nothing(bench: Bench, make_plan: Any) -> None:
    """The coordinator sends the range again."""
    plan = make_plan(bench.store)
    bench.ledger.away = 1
    bench.run(plan.job_id, 0, 4)
    assert bench.outcomes(plan.job_id) == {}


def test_a_cancelled_job_stops_and_says_so(bench: Bench, make_plan: Any) -> None:
    """The seconds spent until then are recorded."""
    plan = make_plan(bench.store)
    stop_at_first_step(bench, Signal.CANCEL)
    bench.run(plan.job_id, 0, 4)
    assert bench.outcomes(plan.job_id) == {(0, 4): Outcome.CANCELLED}
    assert bench.ledger.returned[0] > 0
    assert not bench.child.keeper.busy


def test_a_drained_worker_finishes_its_batch(bench: Bench, make_plan: Any) -> None:
    """Two images of four are committed, the others go back."""
    plan = make_plan(bench.store)
    stop_at_first_step(bench, Signal.DRAIN)
    bench.run(plan.job_id, 0, 4)
    assert bench.outcomes(plan.job_id) == {(0, 2): Outcome.RENDERED}
    assert [(start, stop) for start, stop, _, _ in bench.ledger.commits] == [(0, 2)]
    assert bench.ledger.returned == [0.0]


def stop_at_first_step(bench: Bench, signal: Signal) -> None:
    """The keeper hears of the signal while the first step runs."""
    hold = bench.child.keeper.hold

    def held(lease: Any) -> Any:
        one = hold(lease)
        stepped = one.stepped

        def hear(step: int) -> None:
            one.signal = signal
            stepped(step)

        one.stepped = hear  # type: ignore[method-assign]  # the test listens in
        return one

    bench.child.keeper.hold = held  # type: ignore[method-assign]  # the test listens in


def test_a_model_that_cannot_be_loaded_charges_the_worker(bench: Bench, make_plan: Any) -> None:
    """Its queue is marked with the sentence, and the range goes back whole, without a failure."""
    plan = make_plan(bench.store)

    def corrupt(key: PipelineKey, _device: Device, _find: Find) -> Loaded:
        raise ModelError(f"{key.model} is corrupt")

    bench.child.runner.cache._load = corrupt
    bench.run(plan.job_id, 0, 4)
    assert bench.ledger.unfits == [(plan.groups[0].queue, "builtin:shapes is corrupt")]
    assert len(bench.ledger.returned) == 1
    assert bench.ledger.failed == []
    assert set(bench.outcomes(plan.job_id).values()) <= {Outcome.RETURNED}


def test_a_batch_that_raises_leaves_the_others_alone(bench: Bench, make_plan: Any) -> None:
    """Two of four fail together; the ledger will halve them."""
    plan = make_plan(bench.store)
    render = bench.child.runner.gpu.batcher.render

    def stumble(loaded: Loaded, part: Any, *, start: int, on_step: Any) -> Any:
        if start == 2:
            raise ValueError("bad shape")
        return render(loaded, part, start=start, on_step=on_step)

    bench.child.runner.gpu.batcher.render = stumble
    bench.run(plan.job_id, 0, 6)
    assert bench.outcomes(plan.job_id) == {
        (0, 2): Outcome.RENDERED, (2, 4): Outcome.FAILED, (4, 6): Outcome.RENDERED
    }  # fmt: skip
    (part,) = bench.ledger.failed[0]["failed"]
    assert (part.start, part.stop, part.sentence) == (2, 4, "bad shape")


def test_a_broken_device_ends_the_process(bench: Bench, make_plan: Any) -> None:
    """Nothing more is tried on it: the batch is reported, the rest goes back, and the caller is told."""
    plan = make_plan(bench.store)

    def break_down(_loaded: Loaded, part: Any, *, start: int, on_step: Any) -> Any:
        assert part
        on_step(1)
        raise torch.AcceleratorError(f"CUDA error: an illegal memory access was encountered at {start}")

    bench.child.runner.gpu.batcher.render = break_down
    assert not bench.child.run(plan.job_id, 0, 6)
    bench.child.publisher.stop()
    (part,) = bench.ledger.failed[0]["failed"]
    assert (part.start, part.stop) == (0, 2)
    assert bench.outcomes(plan.job_id) == {(0, 2): Outcome.FAILED}


def test_a_plan_is_waited_for(bench: Bench, make_plan: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The store is away for a moment."""
    plan = make_plan(bench.store)
    slept: list[float] = []
    bench.child.runner.sleep = slept.append
    get = bench.store.get
    away = [StoreError("away"), StoreError("away")]

    def flaky(key: str) -> bytes:
        if away:
            raise away.pop()
        return get(key)

    monkeypatch.setattr(bench.store, "get", flaky)
    bench.run(plan.job_id, 0, 2)
    assert len(slept) == 2
    assert bench.outcomes(plan.job_id) == {(0, 2): Outcome.RENDERED}


def test_a_job_without_a_plan_is_left_alone(bench: Bench) -> None:
    """It goes back after a while, without a strike; the worker goes on."""
    slept: list[float] = []
    bench.child.runner.sleep = slept.append
    bench.run("gone", 0, 2)
    assert bench.outcomes("gone") == {}
    assert bench.ledger.returned == [0.0]
    assert len(slept) == 60
    assert not bench.child.keeper.busy


@pytest.fixture
def long_job(bench: Bench, make_plan: Any) -> Any:
    """A job whose prompts are so many that they lie in parts of their own."""
    plan = make_plan(bench.store, prompt=[f"a circle, {number}" for number in range(1_001)], seed=1)
    assert list(plan.objects) == [keys.rows(plan.job_id, 0)]
    for key, data in plan.objects.items():
        bench.store.put(key, data)
    return plan


def failing(bench: Bench, monkeypatch: pytest.MonkeyPatch, word: str, times: int) -> None:
    """Reading an object whose key holds the word fails so many times."""
    get, left = bench.store.get, [times]

    def flaky(key: str) -> bytes:
        if word in key and left[0]:
            left[0] -= 1
            raise StoreError("away")
        return get(key)

    monkeypatch.setattr(bench.store, "get", flaky)


def nothing_is_kept(bench: Bench) -> bool:
    """Whether no lease is held, and every place of the publisher is free."""
    publisher = bench.child.publisher
    free = [publisher.enter(wait=False) for _ in range(3)]
    for taken in free:
        if taken:
            publisher.leave()
    return not bench.child.keeper.busy and free == [True, True, False]


def test_rows_are_waited_for(bench: Bench, long_job: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The store is away when the tasks are read: as with the plan, nothing is lost."""
    slept: list[float] = []
    bench.child.runner.sleep = slept.append
    failing(bench, monkeypatch, "rows/part-0", 2)
    bench.run(long_job.job_id, 0, 2)
    assert len(slept) == 2
    assert bench.outcomes(long_job.job_id) == {(0, 2): Outcome.RENDERED}


def test_rows_that_never_come_send_the_range_back(bench: Bench, long_job: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a strike, and without a lease or a place that is never given up."""
    bench.child.runner.sleep = lambda _seconds: None
    failing(bench, monkeypatch, "rows/part-0", 1_000)
    bench.run(long_job.job_id, 0, 2)
    assert bench.ledger.returned == [0.0]
    assert bench.ledger.failed == []
    assert nothing_is_kept(bench)


def test_a_drained_worker_waits_for_no_store(bench: Bench, long_job: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """It gives the range back and ends."""
    bench.child.runner.sleep = lambda _seconds: setattr(bench.child.keeper._held[0], "signal", Signal.DRAIN)
    failing(bench, monkeypatch, "rows/part-0", 1)
    bench.run(long_job.job_id, 0, 2)
    assert bench.ledger.returned == [0.0]
    assert bench.outcomes(long_job.job_id) == {}


@pytest.mark.parametrize("key", ["job.json", "rows/part-0.parquet"])
def test_what_is_damaged_fails_at_once(bench: Bench, long_job: Any, key: str) -> None:
    """The same bytes would come again: every task is given up with the sentence, and nobody waits for an hour."""
    slept: list[float] = []
    bench.child.runner.sleep = slept.append
    bench.store.put(f"{keys.job(long_job.job_id)}{key}", b"damaged")
    bench.run(long_job.job_id, 0, 2)
    (told,) = bench.ledger.failed
    (part,) = told["failed"]
    assert (part.start, part.stop, part.certain, told["worker"]) == (0, 2, True, "w")
    assert "in the store" in part.sentence or "is damaged" in part.sentence
    assert slept == []
    assert nothing_is_kept(bench)


def test_a_ledger_that_is_away_at_the_end_leaks_nothing(bench: Bench, long_job: Any) -> None:
    """The lease runs out by itself."""

    def away(*_: Any, **__: Any) -> None:
        raise LedgerError("away")

    bench.store.put(keys.plan(long_job.job_id), b"damaged")
    bench.ledger.fail = away
    bench.run(long_job.job_id, 0, 2)
    assert nothing_is_kept(bench)


def test_an_error_nobody_thought_of_fails_what_is_left(
    bench: Bench, make_plan: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two of six were handed over and are committed, the others fail; the lease and the place are given up."""
    plan = make_plan(bench.store)
    calls = [0]

    def stumble(*given: Any) -> Any:
        calls[0] += 1
        if calls[0] == 2:
            raise KeyError("sampler")
        return origin_of(*given)

    monkeypatch.setattr("workers.range.origin_of", stumble)
    bench.run(plan.job_id, 0, 6)
    assert bench.outcomes(plan.job_id) == {(0, 2): Outcome.RENDERED, (2, 6): Outcome.FAILED}
    (part,) = bench.ledger.failed[0]["failed"]
    assert (part.start, part.stop, part.sentence, part.certain) == (2, 6, "'sampler'", False)
    assert [(start, stop) for start, stop, _, _ in bench.ledger.commits] == [(0, 2)]
    assert nothing_is_kept(bench)


def test_an_error_while_loading_fails_the_range(bench: Bench, make_plan: Any) -> None:
    """Even one that is no error of the model."""
    plan = make_plan(bench.store)

    def stumble(_key: PipelineKey, _device: Device, _find: Find) -> Loaded:
        raise DamagedError("no plan")

    bench.child.runner.cache._load = stumble
    bench.run(plan.job_id, 0, 4)
    assert set(bench.outcomes(plan.job_id).values()) == {Outcome.FAILED}
    assert nothing_is_kept(bench)


def test_a_full_publisher_is_waited_for_and_measured(bench: Bench, make_plan: Any) -> None:
    """The wait is a span of its own."""
    plan = make_plan(bench.store)
    publisher = bench.child.publisher
    assert publisher.enter(wait=0)
    assert publisher.enter(wait=0)
    enter = publisher.enter

    def leave_soon(*, wait: float) -> bool:
        if wait:
            publisher.leave()
        return enter(wait=wait)

    publisher.enter = leave_soon  # type: ignore[method-assign]  # the test makes room while the range waits
    bench.run(plan.job_id, 0, 2)
    assert any(span.kind is Kind.BLOCKED for span in bench.session().spans)


def test_the_next_range_needs_no_second_load(bench: Bench, make_plan: Any) -> None:
    """The pipeline stays, and the prompt's embedding with it."""
    plan = make_plan(bench.store)
    bench.child.run(plan.job_id, 0, 2)
    bench.run(plan.job_id, 2, 4)
    (loaded,) = bench.child.runner.cache._loaded.values()
    assert loaded.embeds.misses == 1


class Fetches:
    """A place of models where fetching one takes a while; asked what to do meanwhile."""

    def __init__(self, meanwhile: Any) -> None:
        self.meanwhile = meanwhile

    @contextmanager
    def at(self, _key: PipelineKey, tick: Any) -> Iterator[str]:
        """Fetch."""
        self.meanwhile()
        tick()
        tick("The store is away.")
        yield "nowhere"


@pytest.mark.parametrize(("signal", "outcome"), [(Signal.CANCEL, Outcome.CANCELLED), (Signal.DRAIN, Outcome.RETURNED)])
def test_a_worker_that_fetches_a_model_hears_what_is_said(
    bench: Bench, make_plan: Any, signal: Signal, outcome: Outcome
) -> None:
    """A cancelled job or a drained worker: the range is closed, and nobody is blamed."""
    plan = make_plan(bench.store)

    def told() -> None:
        bench.ledger.signal = signal
        bench.child.keeper.renew_all()

    bench.child.runner.models = Fetches(told)  # type: ignore[assignment]  # as far as it is used
    bench.run(plan.job_id, 0, 4)
    assert bench.outcomes(plan.job_id) == {(0, 4): outcome}
    assert (bench.ledger.unfits, bench.ledger.failed) == ([], [])


def test_fetching_a_model_is_load_and_says_what_it_waits_for(bench: Bench, make_plan: Any) -> None:
    """Its seconds are the range's, and the ledger hears why nothing moves."""
    plan, heard = make_plan(bench.store), list[str]()

    def load(_key: PipelineKey, _device: Device, find: Find) -> Loaded:
        with find(_key):
            heard.extend(held.trouble for held in bench.child.keeper._held)
            time.sleep(0.2)
            raise ModelError("no model")

    bench.child.runner.models = Fetches(lambda: time.sleep(0.2))  # type: ignore[assignment]  # as far as it is used
    bench.child.runner.cache._load = load
    bench.run(plan.job_id, 0, 4)
    assert heard == ["A worker waits to fetch its model. The store is away."]
    spent = seconds_by_kind(span for span in bench.session().spans if span.job == plan.job_id)
    assert spent[Kind.LOAD] > 0.4
