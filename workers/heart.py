"""The parent's heartbeat: says that the worker lives, and hears which queue it is to serve."""

import logging
import threading
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from farm.errors import LedgerError

log = logging.getLogger(__name__)

#: Seconds between two heartbeats.
INTERVAL = 1.0


class Register(Protocol):
    """The part of the ledger that knows which workers live."""

    def register(self, worker_id: str, info: Mapping[str, Any]) -> None:
        """Enter a worker that has just started."""

    def beat(self, worker_id: str, info: Mapping[str, Any] | None = None) -> str | None:
        """A heartbeat; the queue to serve."""

    def drain(self, worker_id: str) -> None:
        """The worker takes nothing new."""

    def leave(self, worker_id: str) -> None:
        """The worker ends."""


class Heart:
    """Beats in a thread of its own, so that a slow Redis never holds the parent's event loop up.

    Args:
        connect: reaches the ledger; raises `LedgerError`.
        worker: this worker's name.
        info: what is known of it before its child has started.
        interval: seconds between two beats.
    """

    def __init__(
        self, connect: Callable[[], Register], *, worker: str, info: Mapping[str, Any], interval: float = INTERVAL
    ) -> None:
        self._connect, self._worker, self._info, self._interval = connect, worker, info, interval
        self._ledger: Register | None = None
        self._drained = self._away = False
        #: The queue the coordinator wants served, and the one that is served.
        self.wanted: str | None = None
        self.serving: str | None = None
        self._draining, self._stopped = threading.Event(), threading.Event()
        self._wake = threading.Event()
        self._thread = threading.Thread(target=self._run, name="heart", daemon=True)

    def start(self) -> None:
        """Begin to beat."""
        self._thread.start()

    def drain(self) -> None:
        """Take nothing new from now on; safe in a signal handler."""
        self._draining.set()
        self._wake.set()

    def stop(self) -> None:
        """Leave the ledger and end."""
        self._stopped.set()
        self._wake.set()
        self._thread.join(timeout=10)

    def beat(self) -> None:
        """One heartbeat; Redis may be away."""
        try:
            if self._ledger is None:
                ledger = self._connect()
                ledger.register(self._worker, self._info)
                self._ledger = ledger
            if self._draining.is_set() and not self._drained:
                self._ledger.drain(self._worker)
                self._drained = True
            wanted = self._ledger.beat(self._worker, {**self._info, "queue": self.serving or ""})
        except LedgerError as error:
            if not self._away:
                log.warning("No heartbeat: %s", error)
            self._away = True
        else:
            self._away = False
            self.wanted = None if self._draining.is_set() else wanted

    def _run(self) -> None:
        while not self._stopped.is_set():
            self._wake.clear()
            self.beat()
            self._wake.wait(self._interval)
        if self._ledger is not None:
            try:
                self._ledger.leave(self._worker)
            except LedgerError as error:
                log.warning("Cannot leave the ledger: %s", error)
