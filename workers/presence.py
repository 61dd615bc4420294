"""What the child tells the ledger of itself: its device, and the pipelines it has loaded."""

import logging
from collections.abc import Iterable
from typing import Any, Protocol

from farm.errors import LedgerError
from farm.profile.record import WorkerInfo

log = logging.getLogger(__name__)


class Notebook(Protocol):
    """The part of the ledger that knows workers."""

    def note(self, worker_id: str, **fields: Any) -> None:
        """Note what a worker is and does."""

    def unfit(self, worker_id: str, queue: str, sentence: str) -> None:
        """Note that a worker cannot load a queue's pipeline."""

    def cap(self, shape: str) -> int | None:
        """Most images of a shape that fit into memory."""

    def set_cap(self, shape: str, images: int) -> None:
        """Remember how many fit."""


class Presence:
    """This worker's entry in the ledger; said again now and then, since Redis may forget.

    Args:
        ledger: where it is noted.
        worker: who this is.
    """

    def __init__(self, ledger: Notebook, worker: WorkerInfo) -> None:
        self._ledger, self._worker = ledger, worker
        self._loaded: tuple[str, ...] = ()

    def announce(self) -> None:
        """Say everything that does not change from moment to moment."""
        device = self._worker.model_dump(include={"session", "host", "device", "gpu", "vram_gb", "price_per_hour"})
        self._note(**device, loaded=list(self._loaded))

    def loaded(self, queues: Iterable[str]) -> None:
        """The queues whose pipelines are in memory; noted when they changed."""
        found = tuple(queues)
        if found != self._loaded:
            self._loaded = found
            self._note(loaded=list(found))

    def idle(self) -> None:
        """Nothing is held any more."""
        self._note(doing="idle", job_id="", step=0, steps=0)

    def unfit(self, queue: str, sentence: str) -> None:
        """A queue's pipeline cannot be loaded here."""
        try:
            self._ledger.unfit(self._worker.id, queue, sentence)
        except LedgerError as error:
            log.warning("Cannot note that a model cannot be loaded: %s", error)

    def cap(self, shape: str) -> int | None:
        """Most images of a shape that fit into memory, as far as any worker has found out."""
        try:
            return self._ledger.cap(shape)
        except LedgerError as error:
            log.warning("Cannot ask how many images fit: %s", error)
            return None

    def set_cap(self, shape: str, images: int) -> None:
        """So many images of a shape are the most to try, here and on workers like this one."""
        try:
            self._ledger.set_cap(shape, images)
        except LedgerError as error:
            log.warning("Cannot note how many images fit: %s", error)

    def _note(self, **fields: Any) -> None:
        try:
            self._ledger.note(self._worker.id, **fields)
        except LedgerError as error:
            log.warning("Cannot note what this worker does: %s", error)
