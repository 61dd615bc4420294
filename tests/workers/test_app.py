import os
import signal
import subprocess
import sys
from types import SimpleNamespace
from typing import Any

import pytest
from celery.worker import state

from farm.queue import NO_QUEUE, TASK, make_app
from farm.settings import Settings
from workers.app import dismiss, install_signals, parent_worker, worker_name


class Heart:
    """Remembers a drain."""

    drained = False
    wanted = serving = None

    def drain(self) -> None:
        """Take note."""
        self.drained = True


class Process:
    """A child of the pool: the first call to end meets one that is just gone."""

    def __init__(self, pools: list[Any]) -> None:
        self.calls, self.pools = 0, pools

    def terminate(self) -> None:
        """Take note; after three calls the pool is gone."""
        self.calls += 1
        if self.calls == 1:
            raise ProcessLookupError
        if self.calls == 3:
            self.pools[0]._pool = None


class Worker:
    """Celery's worker, as far as its pool."""

    def __init__(self, *processes: Process) -> None:
        self.pool = SimpleNamespace(_pool=SimpleNamespace(_pool=list(processes)) if processes else None)


@pytest.fixture
def _signals(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The process's own signal handlers are back afterwards."""
    numbers = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT)
    before = [signal.getsignal(number) for number in numbers]
    monkeypatch.setattr(state, "should_stop", None)
    yield
    for number, handler in zip(numbers, before, strict=True):
        signal.signal(number, handler)


def test_the_worker_has_the_name_it_was_given(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else one of its own."""
    assert worker_name().endswith(f"-{os.getpid()}")
    monkeypatch.setenv("FARM_WORKER_NAME", "gpu-7")
    assert worker_name() == "gpu-7"


def test_importing_the_parent_loads_nothing_heavy() -> None:
    """The process that must always answer is small: no torch, no diffusers, no transformers."""
    code = "import sys, workers.__main__, workers.app, workers.tasks; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"torch", "diffusers", "transformers", "numpy", "PIL"} & set(loaded)


def test_celerys_worker_is_ours() -> None:
    """Our task, our step, one child, and no queue until one is assigned."""
    app = make_app(Settings(redis_url="redis://:x@127.0.0.1:1/0"))  # type: ignore[arg-type]  # pydantic reads it
    parent = parent_worker(app, Heart(), "gpu-7")  # type: ignore[arg-type]  # a heart of ours
    assert parent.hostname.startswith("gpu-7@")
    assert TASK in app.tasks
    assert (parent.concurrency, parent.pool_cls.__name__) == (1, "TaskPool")
    assert list(app.amqp.queues.consume_from) == [NO_QUEUE]
    assert any(step.__name__ == "Assignment" for step in app.steps["consumer"])
    assert app.conf.worker_proc_alive_timeout >= 600
    assert parent.consumer_cls == "workers.consumer:PatientConsumer"


@pytest.mark.usefixtures("_signals")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_the_first_signal_drains_and_the_second_ends(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    """Celery stops consuming at its next turn; who asks twice does not wait."""
    ended: list[int] = []
    monkeypatch.setattr(os, "_exit", ended.append)
    heart = Heart()
    install_signals(heart, Worker())  # type: ignore[arg-type]  # a heart of ours
    signal.raise_signal(number)
    assert heart.drained
    assert state.should_stop == 0
    assert ended == []
    signal.raise_signal(signal.SIGTERM)
    assert ended == [128 + signal.SIGTERM]


@pytest.mark.usefixtures("_signals")
def test_sigquit_ends_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leases run out by themselves."""
    ended: list[int] = []
    monkeypatch.setattr(os, "_exit", ended.append)
    heart = Heart()
    install_signals(heart, Worker())  # type: ignore[arg-type]  # a heart of ours
    signal.raise_signal(signal.SIGQUIT)
    assert ended == [128 + signal.SIGQUIT]
    assert not heart.drained


def test_a_child_is_told_to_end_until_the_pool_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that was started in the place of another hears it too; a pool that never was is no error."""
    monkeypatch.setattr("workers.app.time.sleep", lambda _seconds: None)
    pools: list[Any] = []
    process = Process(pools)
    worker = Worker(process)
    pools.append(worker.pool)
    dismiss(worker)
    assert process.calls == 3
    dismiss(Worker())
    dismiss(SimpleNamespace(pool=None))
