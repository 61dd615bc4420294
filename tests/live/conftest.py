"""Real Redis and S3 servers, and whole farms, for the tests that need them."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import pytest

from farm.ledger.ledger import Ledger
from farm.local.home import Home, python
from farm.local.launch import local_farm
from farm.local.leftovers import carriers
from farm.local.lock import Notice
from farm.local.process import Process
from farm.local.services import local_services
from farm.models import builtin_path
from farm.settings import Settings
from farm.store.s3 import S3Store
from tests.fake_hub import FakeHub, serving


@dataclass
class RunningFarm:
    """A whole farm that a test may hurt."""

    settings: Settings
    home: Home
    _added: list[Process] = field(default_factory=list)

    @property
    def ledger(self) -> Ledger:
        """A connection of its own to the farm's Redis."""
        return Ledger.connect(self.settings)

    @property
    def store(self) -> S3Store:
        """The farm's store."""
        return S3Store.from_settings(self.settings)

    def pid(self, name: str) -> int:
        """Process id of a child now: ``redis``, ``s3``, ``coordinator``, ``worker-1``…; ``supervisor`` itself."""
        notice = Notice.read(self.home)
        assert notice is not None, f"no farm is up\n{self.log()}"
        return notice.pid if name == "supervisor" else notice.children[name]

    def tree(self, worker: str) -> list[int]:
        """Every process of a worker: its parent, its child and whatever these started."""
        mark = f"\0FARM_WORKER_NAME={worker}\0".encode()
        return [pid for pid in carriers(self.home) if mark in b"\0" + _environment(pid) + b"\0"]

    def kill(self, name: str, number: signal.Signals = signal.SIGKILL) -> list[int]:
        """Send a signal, SIGKILL to a worker's whole tree, and say to whom; the supervisor starts it again."""
        tree = self.tree(name) if name.startswith("worker") and number == signal.SIGKILL else [self.pid(name)]
        for pid in tree:
            with suppress(ProcessLookupError):
                os.kill(pid, number)
        return tree

    def add_worker(self, name: str, **environment: str) -> Process:
        """Start one more worker, which nobody starts again when it ends."""
        inherited = self.home.environment() | {"FARM_WORKER_NAME": name} | environment
        process = Process(python("workers"), environment=inherited, log=self.home.log(name))
        self._added.append(process)
        return process

    def log(self, name: str | None = None) -> str:
        """What a process has written; of all of them when no name is given."""
        logs = sorted((self.home.path / "logs").glob(f"{name or '*'}.log"))
        return "\n".join(f"--- {path.stem}\n{path.read_text(errors='replace')}" for path in logs)

    def close(self) -> None:
        """End the workers that were added."""
        for process in self._added:
            process.stop(10)


class StartFarm(Protocol):
    """Starts a whole farm for the rest of the test."""

    def __call__(
        self, workers: int = 1, *, lease: float | None = None, env: dict[str, str] | None = None
    ) -> RunningFarm:
        """Start it."""


def _environment(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:
        return b""


@pytest.fixture
def services(tmp_path: Path) -> Iterator[Settings]:
    """A Redis and an S3 server of the test's own; the settings that reach them."""
    home = tmp_path / "services"
    with local_services(home) as settings:
        yield settings
    assert carriers(Home(home)) == []


@contextmanager
def _farms(folder: Path) -> Iterator[StartFarm]:
    homes: list[Home] = []
    with ExitStack() as stack:

        def start(workers: int = 1, *, lease: float | None = None, env: dict[str, str] | None = None) -> RunningFarm:
            home = Home((folder / f"farm-{len(homes)}").resolve())
            homes.append(home)
            settings = stack.enter_context(local_farm(home.path, workers, lease=lease, env=env))
            running = RunningFarm(settings, home)
            stack.callback(running.close)
            return running

        yield start
    assert [pid for home in homes for pid in carriers(home)] == []
    assert not [home for home in homes if home.settings_file.exists() or home.pid_file.exists()]


@pytest.fixture
def farm(tmp_path: Path) -> Iterator[StartFarm]:
    """Starts whole farms in homes of the test's own; nothing of them is left afterwards."""
    with _farms(tmp_path) as start:
        yield start


@pytest.fixture(scope="session")
def hub() -> Iterator[FakeHub]:
    """A Hub of models that has the built-in one as ``org/shapes``, and no other."""
    with serving(FakeHub({"org/shapes": builtin_path("shapes")})) as fake:
        yield fake


@pytest.fixture(scope="session")
def lasting_farm(tmp_path_factory: pytest.TempPathFactory, hub: FakeHub) -> Iterator[RunningFarm]:
    """One farm of one worker for all tests, with a short lease, a price and a Hub of its own; what breaks is mended.

    The model cache of its worker holds one copy of the built-in model, and nothing beside it. Jobs of other tests are
    in it: name your own, and ask for nothing but them.
    """
    folder = tmp_path_factory.mktemp("lasting")
    env = {"FARM_PRICE_PER_HOUR": "3.6", "FARM_MODEL_CACHE": str(folder / "models"), "FARM_MODEL_CACHE_GB": "0.0055"}
    env |= {"HF_ENDPOINT": hub.endpoint, "HF_HOME": str(folder / "hub"), "NO_PROXY": "127.0.0.1"}
    with _farms(folder) as start:
        yield start(lease=6, env=env)


@pytest.fixture
def eventually() -> Callable[..., None]:
    """Waits until something holds: ``eventually(lambda: …, "what", timeout=30)``."""

    def wait(holds: Callable[[], bool], what: str, timeout: float = 30.0) -> None:
        deadline = time.monotonic() + timeout
        while not holds():
            assert time.monotonic() < deadline, f"never: {what}"
            time.sleep(0.05)

    return wait
