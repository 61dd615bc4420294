"""What the supervisor does between ``up`` and ``down``: start the children, keep them up, end them in order."""

import logging
import os
import platform
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Literal

from farm.errors import LedgerError, ServiceError, UsageError
from farm.local.devices import devices, share, threads
from farm.local.home import Home, python
from farm.local.kept import Kept
from farm.local.leftovers import clean
from farm.local.lock import Lock, Notice
from farm.local.logs import keep_short
from farm.local.process import Process
from farm.local.redis import RedisServer
from farm.local.s3 import S3Server
from farm.local.services import Server, start_first
from farm.local.signals import Signals, Stopped
from farm.settings import Settings

if TYPE_CHECKING:
    from farm.ledger.ledger import Ledger

log = logging.getLogger(__name__)

#: Seconds between two looks at the children.
_TICK = 0.1
#: Seconds between two looks at the logs and the home.
_LOOK_EVERY = 2.0
#: Seconds a worker has to finish its batch, give the rest back and publish what is rendered.
_DRAIN = 30.0
#: Seconds any other child has to end.
_END = 10.0
#: Seconds after which a supervisor that was asked to end must have ended.
PATIENCE = _DRAIN + 4 * _END
#: Seconds until every worker must be on the roster: a first import of torch from a cold disk is slow.
_HEALTHY = 180.0
#: A child that ended so often before the farm was up has something to say.
_ENDS = 3


class Supervision:
    """The life of one local farm, in the process that holds its lock.

    Args:
        home: its folder.
        lock: what makes it ours.
        workers: how many worker process trees.
    """

    def __init__(self, home: Home, lock: Lock, *, workers: int) -> None:
        self._home, self._lock, self._workers = home, lock, workers
        self._next_look, self._removed = 0.0, False
        self._services: list[Kept] = []
        self._coordinator: list[Kept] = []
        self._worker_trees: list[Kept] = []
        self._state: Literal["starting", "up", "stopping"] = "starting"
        self._signals = Signals()

    def run(self) -> None:
        """Start everything, keep it up until a signal says to end, end everything."""
        with self._signals, _logging_to(self._home):
            try:
                clean(self._home)
                self._tell("starting")
                self._start()
                print(f"The farm is up in {self._home.path}: Ctrl-C stops it.", flush=True)
                self._tell("up")
                while True:
                    self._tend()
                    self._look_around()
                    time.sleep(_TICK)
            except Stopped:
                print("Stopping, workers finish their batch: Ctrl-C again stops at once.", flush=True)
            finally:
                self._signals.ignore_first()
                self._stop()

    @property
    def _children(self) -> list[Kept]:
        return [*self._services, *self._coordinator, *self._worker_trees]

    def _start(self) -> None:
        from farm.ledger.ledger import Ledger
        from farm.store.s3 import S3Store

        local, settings = self._start_services()
        S3Store.from_settings(settings).check()
        ledger = Ledger.connect(settings)
        began, deadline = ledger.now(), time.monotonic() + _HEALTHY
        self._keep(self._coordinator, "coordinator", python("farm", "coordinator"))
        self._keep_workers("worker" if local else platform.node())  # names are of one farm, not of one machine
        while not self._healthy(ledger, began):
            if time.monotonic() > deadline:
                raise ServiceError(f"The farm does not come up: see the logs in {self._home.path / 'logs'}.")
            time.sleep(_TICK)

    def _start_services(self) -> tuple[bool, Settings]:
        """Start what no variable names elsewhere and tell every other command; whether Redis is our own."""
        told: dict[str, str] = {}
        own_redis = not os.environ.get("FARM_REDIS_URL")
        if own_redis:
            told |= self._serve(lambda: RedisServer(self._home))
        if not os.environ.get("FARM_S3_URL"):
            told |= self._serve(lambda: S3Server(self._home))
        if told:
            self._home.write_settings(told)
        return own_redis, Settings.load(home=self._home.path)

    def _serve(self, make: Callable[[], Server]) -> dict[str, str]:
        server, process = start_first(make)
        log.info("Started %s (process %s)", server.name, process.pid, extra={"action": "child_started"})
        self._services.append(Kept(server.name, server.start, process=process))
        return server.settings()

    def _keep_workers(self, first: str) -> None:
        names = devices()
        for number in range(self._workers):
            name = f"{first}-{number + 1}"
            given = share(number, names) | threads(self._workers, names)
            self._keep(self._worker_trees, name, python("workers"), FARM_WORKER_NAME=name, **given)

    def _keep(self, stage: list[Kept], name: str, command: Sequence[str], **environment: str) -> None:
        given = self._home.environment() | environment
        child = Kept(name, partial(Process, command, environment=given, log=self._home.log(name)))
        stage.append(child)
        log.info("Started %s (process %s)", name, child.process.pid, extra={"action": "child_started"})
        self._tell()

    def _healthy(self, ledger: "Ledger", began: float) -> bool:
        """Whether every child runs, a coordinator has read the store, and every worker is on the roster."""
        self._tend()
        for child in self._children:
            if child.ends >= _ENDS:
                raise ServiceError(
                    f"{child.name} does not start: it {child.words} (log: {self._home.log(child.name)})."
                )
        names = {child.name for child in self._worker_trees}
        try:
            here = {worker.id for worker in ledger.workers() if worker.started_at >= began}
            return names <= here and ledger.discovered() and all(child.running for child in self._children)
        except LedgerError:
            return False  # Redis was ended and is being started again

    def _look_around(self) -> None:
        """Now and then: keep the logs short, and see that the home is still ours.

        Raises:
            UsageError: somebody removed it.
        """
        if time.monotonic() < self._next_look:
            return
        self._next_look = time.monotonic() + _LOOK_EVERY
        if not self._lock.is_ours():
            self._removed = True
            raise UsageError(
                f"FARM_HOME {self._home.path} was removed while the farm was up: everything is stopped, and what was in"
                " it is gone."
            )
        keep_short(self._home.logs)

    def _tend(self) -> None:
        if [child for child in self._children if child.tend()]:
            self._tell()

    def _tell(self, state: Literal["starting", "up", "stopping"] | None = None) -> None:
        """Write down for others how far it is and which process is which.

        Raises:
            OSError: it cannot be written, and nobody would learn that the farm is up.
        """
        waited_for = self._state == "starting" and state != "stopping"
        self._state = state or self._state
        notice = Notice(
            pid=os.getpid(), state=self._state, children={each.name: each.process.pid for each in self._children}
        )
        try:
            notice.write(self._home)
        except OSError as error:
            if waited_for:
                raise
            log.warning("%s cannot be written: %s", self._home.pid_file, error.strerror, extra={"action": "not_told"})

    def _stop(self) -> None:
        """End workers, then the coordinator, then S3, then Redis, then whatever any of them left."""
        if not self._removed:
            self._tell("stopping")
        stages = [
            (self._worker_trees, _DRAIN),
            (self._coordinator, _END),
            *(([each], _END) for each in self._services[::-1]),
        ]
        for stage, seconds in stages:
            self._end(stage, seconds)
        if not self._removed:  # what lies there now is another farm's
            clean(self._home)
        log.info("The farm is down", extra={"action": "farm_down"})

    def _end(self, stage: Sequence[Kept], seconds: float) -> None:
        """Ask all of a stage to end; kill those that take too long, or at once when the user hurries."""
        for child in stage:
            child.process.terminate()
        deadline = time.monotonic() + seconds
        while any(child.process.ended is None for child in stage):
            if time.monotonic() > deadline or self._signals.hurry:
                break
            time.sleep(_TICK / 2)
        for child in stage:
            if child.process.ended is None:
                log.warning("%s did not end by itself: killed", child.name, extra={"action": "child_killed"})
            child.process.kill()


@contextmanager
def _logging_to(home: Home) -> Iterator[None]:
    """Log what the supervisor does to its file, and what went wrong to the terminal."""
    root = logging.getLogger("farm.local")
    home.logs.mkdir(exist_ok=True)
    file, terminal = logging.FileHandler(home.log("supervisor"), encoding="utf-8"), logging.StreamHandler()
    file.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    terminal.setLevel(logging.WARNING)
    handlers = (file, terminal)
    root.setLevel(logging.INFO)
    loud, logging.raiseExceptions = logging.raiseExceptions, False  # a full disk is said in a sentence, not by logging
    for handler in handlers:
        root.addHandler(handler)
    try:
        yield
    finally:
        logging.raiseExceptions = loud
        for handler in handlers:
            root.removeHandler(handler)
            handler.close()
