"""A supervisor in a process of its own: for ``farm up --detach``, the demo and the tests."""

import os
import signal
import time
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from farm.errors import FarmError, ServiceError, UsageError
from farm.local.home import ELSEWHERE, SUPERVISED, Home, python
from farm.local.leftovers import clean
from farm.local.lock import Notice
from farm.local.process import Process
from farm.settings import Settings

#: Seconds a supervisor has to end its farm.
_PATIENCE = 90.0


def launch(
    home: Home, *, workers: int, tied: signal.Signals | None, environment: Mapping[str, str] | None = None
) -> Process:
    """Start ``farm up`` in the background; what it says goes to ``logs/up.log``.

    Args:
        home: the farm's folder.
        workers: how many worker process trees.
        tied: what the supervisor is sent when this process ends; None lets it live on.
        environment: its whole environment but for the home; this process's when None.
    """
    log = home.log("up")
    log.unlink(missing_ok=True)
    inherited = home.environment(environment)
    inherited.pop(SUPERVISED)  # the supervisor is nobody's leftover: it has the lock
    return Process(
        python("farm", "up", "--workers", str(workers)), environment=inherited, log=log, on_parent_death=tied
    )


def wait_until_up(home: Home, process: Process) -> None:
    """Wait until the farm is up; raises the supervisor's own last sentence when it ends instead."""
    try:
        while process.ended is None:
            notice = Notice.read(home)
            if notice is not None and (notice.pid, notice.state) == (process.pid, "up"):
                return
            time.sleep(0.05)
    except BaseException:
        process.stop(_PATIENCE)
        raise
    words = process.last_words().removeprefix("farm: ") or f"The farm did not come up: see {process.log}."
    kinds: dict[int | None, type[FarmError]] = {2: UsageError, 3: ServiceError}
    raise kinds.get(process.ended, FarmError)(words)


@contextmanager
def local_farm(
    home: Path, workers: int = 1, *, env: Mapping[str, str] | None = None, lease: float | None = None
) -> Iterator[Settings]:
    """A whole farm over this folder while the block runs: Redis, S3, a coordinator and workers.

    Args:
        home: the farm's folder, made when it is not there.
        workers: how many worker process trees.
        env: variables for the farm's processes, beside those of this process.
        lease: seconds a range is a worker's without a renewal.

    Yields:
        Settings that reach the farm.
    """
    place = Home(home.resolve())
    place.create()
    given = dict(env or {}) | ({} if lease is None else {"FARM_LEASE": str(lease)})
    own = {name: value for name, value in os.environ.items() if name not in ELSEWHERE}
    process = launch(place, workers=workers, tied=signal.SIGTERM, environment=own | given)
    try:
        wait_until_up(place, process)
        yield _settings(place, given)
    finally:
        process.stop(_PATIENCE)
        clean(place)


def _settings(home: Home, given: Mapping[str, str]) -> Settings:
    """What reaches the farm, whatever the variables of this process say."""
    known = tomllib.loads(home.settings_file.read_text(encoding="utf-8"))
    for name, value in given.items():
        field = name.removeprefix("FARM_").lower()
        if name.startswith("FARM_") and field in Settings.model_fields:
            known[field] = value
    return Settings.load(home=home.path, **known)
