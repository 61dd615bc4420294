"""``farm up`` and ``farm down``: one process starts the others, keeps them up and ends them."""

import contextlib
import os
import signal
import time

from farm.errors import UsageError
from farm.local.home import Home
from farm.local.launch import launch, wait_until_up
from farm.local.leftovers import clean
from farm.local.lock import Notice, held, is_up
from farm.local.needs import require
from farm.local.supervision import PATIENCE, Supervision
from farm.settings import Settings


def up(settings: Settings, *, workers: int, detach: bool = False) -> None:
    """Start the local farm of ``settings.home``; returns when it has ended, or, detached, when it is up.

    What the environment or ``farm.toml`` already names, Redis or the store, is used and not started.

    Raises:
        UsageError: a farm is up in this home already, or something it is made of is not installed.
        ServiceError: something does not come up; says its last words.
    """
    require(workers=workers, environment=os.environ)
    home = Home(settings.home)
    home.create()
    if detach:
        if is_up(home):
            raise _second(home)
        process = launch(home, workers=workers, tied=None)
        wait_until_up(home, process)
        process.release()
        print(f"The farm is up in {home.path} (process {process.pid}); `farm down` stops it.")
        return
    with held(home) as lock:
        if lock is None:
            raise _second(home)
        Supervision(home, lock, workers=workers).run()


def down(settings: Settings) -> bool:
    """End the farm of ``settings.home`` and whatever an earlier one left; whether there was anything to end."""
    home = Home(settings.home)
    if not home.path.is_dir():
        return False
    was_up = is_up(home)
    if was_up:
        _end_supervisor(home)
    with held(home) as lock:
        if lock is None:
            raise _second(home)
        return bool(clean(home)) or was_up


def _second(home: Home) -> UsageError:
    notice = Notice.read(home)
    which = f" (process {notice.pid})" if notice else ""
    return UsageError(f"A farm is already up in {home.path}{which}: `farm down` stops it.")


def _end_supervisor(home: Home) -> None:
    """Ask the supervisor to end, and kill it when it does not."""
    for number, seconds in ((signal.SIGTERM, PATIENCE), (signal.SIGKILL, 10.0)):
        notice = Notice.read(home)
        if notice is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(notice.pid, number)
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if not is_up(home):
                return
            time.sleep(0.1)
