"""The one Celery task, and the life of the child process around it.

The parent imports this module too: the GPU rooms are reached from inside the child only.
"""

import ctypes
import functools
import logging
import os
import signal
from typing import TYPE_CHECKING, Any

from celery import shared_task
from celery.signals import worker_process_init, worker_process_shutdown

from farm.queue import TASK

if TYPE_CHECKING:
    from workers.child import Child

#: Variables in which the parent tells the child its name and its own process id.
NAME, PARENT = "FARM_WORKER_NAME", "FARM_WORKER_PARENT"
LOG_FORMAT = "%(asctime)s %(levelname).1s %(name)s: %(message)s"
_PR_SET_PDEATHSIG = 1


@shared_task(name=TASK)  # type: ignore[untyped-decorator]  # Celery has no types
def render(job_id: str, start: int, stop: int) -> None:
    """Render a range; returns when it left the GPU."""
    if not child().run(job_id, start, stop):
        child().stop()
        os._exit(1)  # a context that saw a device error sees nothing else: the parent starts a fresh process


@functools.cache
def child() -> "Child":
    """The GPU rooms of this process, made when they are first asked for."""
    from workers.pipeline import quiet

    quiet()
    from farm.settings import Settings
    from workers.child import start_child

    return start_child(Settings.load(), os.environ[NAME])


@worker_process_init.connect  # type: ignore[untyped-decorator]  # Celery has no types
def begin(**_: Any) -> None:
    """Tie this process to its parent, and import what takes seconds before the first range comes.

    Until it can hold a range SIGTERM ends it; from then on the parent drains it through the ledger.
    """
    die_with_parent(int(os.environ[PARENT]))
    logging.basicConfig(level=logging.INFO, format=LOG_FORMAT)
    child()
    signal.signal(signal.SIGTERM, signal.SIG_IGN)


@worker_process_shutdown.connect  # type: ignore[untyped-decorator]  # Celery has no types
def end(**_: Any) -> None:
    """Publish what is still in hand."""
    if child.cache_info().currsize:
        child().stop()


def die_with_parent(parent: int) -> None:
    """Ask the kernel to kill this process when its parent ends, and end if that has happened already."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)
