"""The process that owns the GPU: everything it is made of, put together once."""

import functools
import logging
import os
import secrets
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from farm.errors import LedgerError
from farm.ledger.ledger import Ledger
from farm.plan.ranges import WorkRange
from farm.profile.record import WorkerInfo
from farm.profile.seconds import Kind
from farm.settings import Settings
from farm.store.s3 import S3Store
from farm.store.store import Store
from workers.batch import Batcher
from workers.cache import PipelineCache
from workers.device import Device, find_device
from workers.gpu import GpuRoom
from workers.lease import Keeper
from workers.locate import Models
from workers.pipeline import warm_up
from workers.plans import Plans
from workers.presence import Presence
from workers.publish import Publisher
from workers.range import Runner
from workers.render import render
from workers.session import SessionLog
from workers.shelf import Shelf
from workers.stopwatch import Now, Stopwatch, process_age, steady

T = TypeVar("T")
log = logging.getLogger(__name__)

#: Seconds between tries to reach Redis at the start.
DELAY = 2.0


@dataclass
class Child:
    """Renders ranges from its first to its last.

    Args:
        runner: takes ranges.
        keeper: keeps leases.
        publisher: publishes pictures.
        session: writes the ledger of seconds.
    """

    runner: Runner
    keeper: Keeper
    publisher: Publisher
    session: SessionLog

    def start(self) -> None:
        """Ready for ranges."""
        self.keeper.start()
        self.session.start()
        self.runner.watch.switch(Kind.IDLE)

    def run(self, job_id: str, start: int, stop: int) -> bool:
        """Render a range; returns when it left the GPU: False when the device is broken and this process must end."""
        self.runner.run(WorkRange(job_id, start, stop))
        return not self.runner.gpu.batcher.broken

    def stop(self) -> None:
        """Publish what was rendered, close every attempt, write the session."""
        self.publisher.stop()
        self.keeper.stop()
        self.session.stop()


def start_child(settings: Settings, worker: str) -> Child:
    """A child of this process's own, its libraries imported and its services reached."""
    device = find_device()
    warm_up()
    ledger = patiently(lambda: Ledger.connect(settings, name="worker"))
    now = patiently(lambda: steady(ledger.now))
    child = assemble(
        ledger=ledger,
        store=S3Store.from_settings(settings),
        worker=worker_info(settings, worker, device, now()),
        device=device,
        shelf=Shelf(settings.model_cache, int(settings.model_cache_gb * 1e9)),
        started_at=now() - process_age(),
        now=now,
    )
    child.start()
    return child


def patiently(ask: Callable[[], T]) -> T:
    """What Redis answers, however long it is away."""
    while True:
        try:
            return ask()
        except LedgerError as error:
            log.warning("%s", error)
            time.sleep(DELAY)


def worker_info(settings: Settings, worker: str, device: Device, now: float) -> WorkerInfo:
    """Who this is; every child is a session of its own, named by when it began."""
    return WorkerInfo(
        id=worker,
        session=f"{int(now * 1000)}x{secrets.token_hex(2)}",
        host=socket.gethostname(),
        device=device.name,
        gpu=device.gpu,
        vram_gb=device.vram_gb,
        price_per_hour=settings.price_for(device.gpu),
    )


def assemble(  # noqa: PLR0913 by name
    *, ledger: Ledger, store: Store, worker: WorkerInfo, device: Device, shelf: Shelf, started_at: float, now: Now
) -> Child:
    """The parts of a child, wired; every instant it tells is of the one clock `now`, the ledger's."""
    watch = Stopwatch(started_at=started_at, now=now)
    session = SessionLog(store, worker=worker, watch=watch, started_at=started_at)
    presence = Presence(ledger, worker)
    keeper = Keeper(ledger, worker=worker.id, announce=presence.announce, give_up=lambda: os._exit(1))
    publisher = Publisher(store, ledger, worker=worker, session=session, now=now)
    runner = Runner(
        worker=worker.id,
        ledger=ledger,
        plans=Plans(store),
        cache=PipelineCache(device),
        models=Models(store, shelf),
        keeper=keeper,
        presence=presence,
        publisher=publisher,
        watch=watch,
        gpu=GpuRoom(watch, Batcher(functools.partial(render, now=now), presence)),
    )
    return Child(runner=runner, keeper=keeper, publisher=publisher, session=session)
