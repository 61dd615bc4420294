"""The parent process: a Celery worker without torch, which hears the coordinator and outlives its child."""

import contextlib
import logging
import os
import signal
import socket
import threading
import time
import warnings
from types import FrameType
from typing import Any

from farm.ledger.ledger import Ledger
from farm.queue import NO_QUEUE, make_app
from farm.settings import Settings
from workers.assignment import following
from workers.heart import Heart
from workers.tasks import LOG_FORMAT, NAME, PARENT

log = logging.getLogger(__name__)

#: Seconds a child may take to import torch and diffusers on a busy machine.
CHILD_PATIENCE = 600.0
#: Seconds between two calls to end for a child that is not ready yet.
DISMISS_INTERVAL = 0.2


def worker_name() -> str:
    """The name this worker was given, else one that no other process has."""
    return os.environ.get(NAME) or f"{socket.gethostname()}-{os.getpid()}"


def run(settings: Settings) -> int:
    """Serve until the process is told to end; the exit code."""
    name = worker_name()
    settings.require_s3_url()
    app = make_app(settings)
    os.environ.update(settings.environment() | {NAME: name, PARENT: str(os.getpid())})
    logging.basicConfig(level=logging.INFO, format=LOG_FORMAT)
    heart = Heart(lambda: Ledger.connect(settings, name="heart"), worker=name, info={"host": socket.gethostname()})
    worker = parent_worker(app, heart, name)
    heart.start()
    try:
        worker.start()
    finally:
        heart.stop()
    return int(worker.exitcode or 0)


def parent_worker(app: Any, heart: Heart, name: str) -> Any:
    """Celery's worker with our task, our step of the consumer, and our signals."""
    app.conf.update(
        include=["workers.tasks"],
        worker_proc_alive_timeout=CHILD_PATIENCE,
        worker_consumer="workers.consumer:PatientConsumer",
    )
    app.steps["consumer"].add(following(heart))

    class Parent(app.Worker):  # type: ignore[misc]  # Celery has no types
        """Ends as the farm's workers do."""

        def install_platform_tweaks(self, _worker: Any) -> None:
            """Signals instead of Celery's, which know nothing of leases and ignore the second SIGTERM."""
            install_signals(heart, self)

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="You're running the worker with superuser privileges")
        return Parent(
            hostname=f"{name}@{socket.gethostname()}",
            queues=[NO_QUEUE],
            quiet=True,
            loglevel="INFO",
            without_gossip=True,
            without_mingle=True,
            without_heartbeat=True,
        )


def install_signals(heart: Heart, worker: Any) -> None:
    """The first SIGTERM, SIGINT or SIGHUP drains; the second, or SIGQUIT, ends at once, and the child with us."""
    from celery.worker import state

    def drain(_number: int, _frame: FrameType | None) -> None:
        """Take nothing new, and end when what is held is finished."""
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, hurry)
        heart.drain()
        threading.Thread(target=dismiss, args=(worker,), name="dismiss", daemon=True).start()
        state.should_stop = 0

    def hurry(number: int, _frame: FrameType | None) -> None:
        """End now."""
        os._exit(128 + number)

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, drain)
    signal.signal(signal.SIGQUIT, hurry)


def dismiss(worker: Any) -> None:
    """Tell the child to end, and one that is started in its place too, until the pool is gone.

    A child that is ready ignores it and finishes what it holds; one that still imports its libraries ends at once.
    """
    while getattr(worker.pool, "_pool", None) is not None:
        with contextlib.suppress(OSError, AttributeError):  # it ends meanwhile, or the pool does
            for process in list(worker.pool._pool._pool):  # noqa: SLF001 Celery tells it nowhere else
                process.terminate()
        time.sleep(DISMISS_INTERVAL)
