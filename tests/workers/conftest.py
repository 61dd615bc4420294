"""Pipelines and values that worker tests share."""

import time
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch

from farm.errors import LedgerError
from farm.ledger.values import Lease, Progress, Refusal, Signal
from farm.manifest.task import PipelineKey, RenderTask
from farm.plan.plan import Plan
from farm.plan.ranges import WorkRange
from farm.profile.outcome import Token
from farm.profile.record import WorkerInfo
from farm.store import keys
from farm.store.memory import MemoryStore
from workers.device import Device
from workers.pipeline import Loaded, load, quiet
from workers.shelf import Shelf

quiet()
torch.set_num_threads(1)  # tiny models; the machine is shared
MakeTask = Callable[..., RenderTask]
MakePlan = Callable[..., Plan]
LoadShape = Callable[[str], Loaded]


@pytest.fixture(scope="session")
def shape_folder(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Folders of tiny pipelines, by the name of their shape."""
    from tests.shapes import save  # after `quiet`, which must come before diffusers

    root = tmp_path_factory.mktemp("shapes")
    return cache(lambda name: save(name, root))


@pytest.fixture(scope="session")
def sd15_folder(shape_folder: Callable[[str], Path]) -> Path:
    """A tiny pipeline of the shape of Stable Diffusion 1.5."""
    return shape_folder("sd15")


@pytest.fixture(scope="session")
def device() -> Device:
    """The processor."""
    return Device(name="cpu", gpu="Test CPU", vram_gb=None, memory=2**30)


@pytest.fixture(scope="session")
def shape(shape_folder: Callable[[str], Path], device: Device) -> LoadShape:
    """Tiny pipelines as a worker loads them, by the name of their shape; tests leave them as they are."""
    return cache(lambda name: load(PipelineKey(str(shape_folder(name))), device))


@pytest.fixture
def sd15(sd15_folder: Path, device: Device) -> Loaded:
    """The tiny Stable Diffusion, loaded for a test that changes it."""
    return load(PipelineKey(str(sd15_folder)), device)


@pytest.fixture
def flux(shape: LoadShape) -> Loaded:
    """The tiny FLUX."""
    return shape("flux")


@pytest.fixture
def make_task() -> MakeTask:
    """Makes tasks of few and small steps."""

    def make(key: PipelineKey | None = None, **fields: object) -> RenderTask:
        given: dict[str, object] = {
            "index": 0,
            "pipeline": key or PipelineKey("model"),
            "prompt": "a cat",
            "negative_prompt": "",
            "seed": 1,
            "steps": 3,
            "scheduler": "default",
            "timestep_spacing": None,
            "guidance_scale": None,
            "width": 64,
            "height": 64,
        }
        return RenderTask(**{**given, **fields})  # type: ignore[arg-type]  # checked by the dataclass's users

    return make


WORKER = WorkerInfo(id="w", session="s", host="h", device="cpu", gpu="Test CPU", vram_gb=None, price_per_hour=2.0)


@pytest.fixture
def worker() -> WorkerInfo:
    """Who renders in tests: two units of money an hour."""
    return WORKER


@pytest.fixture
def make_plan() -> MakePlan:
    """Makes plans of one prompt on the built-in model, and writes them where a worker looks."""
    from farm.manifest.model import load as read
    from farm.plan.plan import make_plan as freeze

    def make(store: MemoryStore | None = None, *, output: dict[str, Any] | None = None, **render: Any) -> Plan:
        given = {"model": "builtin:shapes", "prompt": "a red circle", "seed": "1-8", "steps": 2} | render
        plan = freeze(read({"name": "test", "render": given, "run": {"batch": 2}, "output": output or {}}))
        if store is not None:
            store.put(keys.plan(plan.job_id), plan.to_json())
        return plan

    return make


class FakeLedger:
    """Grants every range, and remembers what workers told it."""

    def __init__(self) -> None:
        self.signal = Signal.CONTINUE
        self.refusal: Refusal | None = None
        self.commits: list[tuple[int, int, float, float | None]] = []
        self.failed: list[dict[str, Any]] = []
        self.returned: list[float] = []
        self.notes: dict[str, Any] = {}
        self.unfits: list[tuple[str, str]] = []
        self.caps: dict[str, int] = {}
        self.skew = 0.0
        self.away = 0

    def claim(self, rng: WorkRange, *, worker: str) -> Lease | Refusal:
        """Grant, unless it was told to refuse."""
        self._answer()
        assert worker == "w"
        return self.refusal or Lease(rng, Token("1x0", 1), 30.0, 100.0, 101.0)

    def renew(self, lease: Lease, *, worker: str, progress: Progress) -> Signal:
        """Answer as told."""
        assert progress.ticks >= 0
        assert (lease.token.counter, worker) == (1, "w")
        self._answer()
        return self.signal

    def commit(self, lease: Lease, start: int, stop: int, *, seconds: float, price: float | None) -> list[int]:
        """Take pictures."""
        assert lease
        self._answer()
        self.commits.append((start, stop, seconds, price))
        return list(range(start, stop))

    def give_back(self, lease: Lease, *, seconds: float = 0.0, price: float | None = None) -> None:
        """Take back."""
        assert lease
        assert price in (None, 2.0)
        self._answer()
        self.returned.append(seconds)

    def fail(self, lease: Lease, **told: Any) -> list[int]:
        """Take note."""
        assert lease
        self._answer()
        self.failed.append(told)
        return []

    def note(self, worker_id: str, **fields: Any) -> None:
        """Take note."""
        assert worker_id == "w"
        self._answer()
        self.notes |= fields

    def unfit(self, worker_id: str, queue: str, sentence: str) -> None:
        """Take note."""
        assert worker_id == "w"
        self._answer()
        self.unfits.append((queue, sentence))

    def cap(self, shape: str) -> int | None:
        """As it was told."""
        self._answer()
        return self.caps.get(shape)

    def set_cap(self, shape: str, images: int) -> None:
        """Take note."""
        self._answer()
        self.caps[shape] = images

    def now(self) -> float:
        """A clock that a test may set apart from this machine's."""
        self._answer()
        return time.time() + self.skew

    def _answer(self) -> None:
        if self.away > 0:
            self.away -= 1
            raise LedgerError("Redis is away")


@pytest.fixture
def ledger() -> FakeLedger:
    """A ledger that grants everything."""
    return FakeLedger()


@pytest.fixture
def store() -> MemoryStore:
    """An empty store."""
    return MemoryStore()


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    """An empty cache of models."""
    return Shelf(tmp_path / "models", 10**9)
