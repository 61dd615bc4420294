"""Where a pipeline is loaded from: a folder here, this machine's cache of what the store or a bucket has, the Hub."""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from farm import models
from farm.errors import DamagedError, ModelError, StoreError
from farm.files import INDEX, DiskFiles
from farm.inventory import Inventory
from farm.ledger.values import Signal
from farm.manifest.task import PipelineKey
from farm.store.store import Store
from farm.weights import fingerprint
from workers import hub
from workers.download import DELAY, TRIES, Download, Tick, patiently
from workers.lease import StoppedError
from workers.shelf import Shelf
from workers.source import Bucket, Source, Uploaded

T = TypeVar("T")
#: A pipeline -> where to load it from: an absolute folder or an id on the Hub, there as long as the block runs.
Find = Callable[[PipelineKey], AbstractContextManager[str]]
log = logging.getLogger(__name__)


def at_its_path(key: PipelineKey) -> str:
    """The folder of a built-in model or of one that lies where its submitter had it; an id on the Hub as it is.

    Raises:
        ModelError: there is no such folder, or its files are not those that the job was planned with.
    """
    folder = Path(key.model)
    if key.model.startswith(models.BUILTIN):
        folder = models.builtin_path(key.model.removeprefix(models.BUILTIN))
    elif not folder.is_absolute():
        return key.model
    if not folder.is_dir():
        raise ModelError(f"Model {key.model} is not on this worker: put the folder at the same path on every worker.")
    if not (folder / INDEX).is_file():
        raise ModelError(f"Model {key.model} has no {INDEX}: a diffusers pipeline folder is needed.")
    _check_revision(key, folder)
    return str(folder)


def _check_revision(key: PipelineKey, folder: Path) -> None:
    """Refuse a folder whose files are not those that the job was planned with."""
    if key.revision is None:
        return
    try:
        found = fingerprint(DiskFiles(folder))
    except OSError as error:
        raise ModelError(f"Model {key.model} cannot be read on this worker: {error.strerror}.") from None
    if found != key.revision:
        raise ModelError(
            f"Model {key.model} on this worker is not the one the job was planned with (its files hash to {found[:10]}"
            f" and not to {key.revision[:10]}): copy that one here, or submit the job again."
        )


@contextmanager
def here(key: PipelineKey) -> Iterator[str]:
    """What is on this machine already: a `Find` that fetches nothing itself."""
    yield at_its_path(key)


@dataclass(frozen=True)
class Models:
    """Finds models.

    Args:
        store: the farm's: it has the folders that submitters uploaded.
        shelf: this machine's cache of what was fetched.
        sleep: waits between two tries to ask the store.
    """

    store: Store
    shelf: Shelf
    sleep: Callable[[float], object] = time.sleep

    @contextmanager
    def at(self, key: PipelineKey, tick: Tick = patiently) -> Iterator[str]:
        """Where to load from, there as long as the block runs: an absolute folder.

        Args:
            key: the pipeline.
            tick: called while it is fetched, and raises to leave.

        Raises:
            ModelError: it cannot be had here.
            StoppedError: the store was away for long: the range goes back.
        """
        source = self._source(key)
        if isinstance(source, str):
            yield source
        elif source is None:
            yield hub.download(key, tick)
        else:
            with self._fetched(key, source, tick) as folder:
                yield str(folder)

    def _source(self, key: PipelineKey) -> Source | str | None:
        """A folder that is here, who has the model, or None for the Hub."""
        if key.model.startswith(models.S3):
            return Bucket(key, self.store)
        if key.model.startswith(models.BUILTIN):
            return at_its_path(key)
        if not Path(key.model).is_absolute():
            return None
        try:
            return at_its_path(key)
        except ModelError as error:
            if key.revision is None:
                raise
            return Uploaded(key, self.store, missing=str(error))

    @contextmanager
    def _fetched(self, key: PipelineKey, source: Source, tick: Tick) -> Iterator[Path]:
        """A model in this machine's cache, brought there when it is not."""

        def wanted() -> Inventory:
            """What it consists of."""
            return self._patiently(source.inventory, tick)

        def fill(inventory: Inventory, folder: Path) -> None:
            """Bring the files."""
            log.info("Fetching %s", key.model, extra={"action": "model_fetched", "bytes": inventory.size})
            Download(inventory, source.read, folder).run(tick)
            source.check(inventory, folder)

        name = f"{models.stored_name(key.model)}-{key.revision}{f'.{key.variant}' if key.variant else ''}"
        try:
            with self.shelf.hold(name, wanted=wanted, fill=fill, tick=tick) as folder:
                yield folder
        except DamagedError as error:
            raise ModelError(f"Model {key.model} in the store is damaged ({error}): {source.advice}.") from None
        except StoreError as error:
            log.warning("Cannot fetch %s: %s", key.model, error)
            raise StoppedError(Signal.DRAIN) from None

    def _patiently(self, ask: Callable[[], T], tick: Tick) -> T:
        """What the store answers, which may be away for a while."""
        for _ in range(TRIES - 1):
            try:
                return ask()
            except StoreError as error:
                tick(str(error))
                self.sleep(DELAY)
        return ask()
