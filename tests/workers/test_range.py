from collections.abc import Iterator
from typing import Any

import pytest
import torch

from farm.errors import ModelError, StoreError
from farm.ledger.values import Refusal, Signal
from farm.manifest.task import PipelineKey
from farm.profile.outcome import Outcome
from farm.profile.record import Record, WorkerInfo
from farm.profile.seconds import Kind, Session, seconds_by_kind
from farm.store import keys
from farm.store.memory import MemoryStore
from workers.child import Child, assemble
from workers.device import Device
from workers.pipeline import Loaded


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
def bench(ledger: Any, store: MemoryStore, worker: WorkerInfo, device: Device) -> Iterator[Bench]:
    """A child that is ready, its threads not started."""
    child = assemble(ledger=ledger, store=store, worker=worker, device=device, started_at=0.0)
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

    def corrupt(key: PipelineKey, _device: Device) -> Loaded:
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


def test_a_full_publisher_is_waited_for_and_measured(bench: Bench, make_plan: Any) -> None:
    """The wait is a span of its own."""
    plan = make_plan(bench.store)
    publisher = bench.child.publisher
    assert publisher.enter(wait=False)
    assert publisher.enter(wait=False)
    enter = publisher.enter

    def leave_soon(*, wait: bool) -> bool:
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
