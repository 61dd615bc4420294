"""Models on this machine's disk: fetched once for all its workers, least recently used out first, within a budget."""

import errno
import fcntl
import json
import logging
import os
import secrets
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from farm.errors import DamagedError, ModelError
from farm.inventory import Inventory
from workers.download import Tick, patiently, sha256

log = logging.getLogger(__name__)

#: Beside a model's files: what they are, and the size and time that each had when it was checked.
LIST = ".stepfarm.json"
_PARTIAL, _GONE, _LOCKS = ".partial", ".stepfarm-gone-", ".stepfarm-locks"
#: The lock on what is in the folder.
_ALL = ".all"
#: Seconds between two looks at a lock that somebody else holds.
_POLL = 0.2
#: Bytes of the disk that are left to others.
_MARGIN = 256 << 20
_FULL = {errno.ENOSPC, errno.EDQUOT}


class _Lock:
    """A lock of this machine on one name: shared by those who read, owned by who writes or removes.

    The kernel gives it up when its process ends, however that ends.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._handle)

    def take(self, tick: Tick, *, alone: bool) -> None:
        """Wait for it; what `tick` raises ends the wait."""
        while not self.try_(alone=alone):
            tick()
            time.sleep(_POLL)

    def try_(self, *, alone: bool) -> bool:
        """Take it if it is free now."""
        try:
            fcntl.flock(self._handle, (fcntl.LOCK_EX if alone else fcntl.LOCK_SH) | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


@dataclass(frozen=True)
class Shelf:
    """A folder of models.

    Args:
        folder: made when it is first needed.
        budget: bytes that all models in it may have.
        free: bytes free on its disk.
    """

    folder: Path
    budget: int
    free: Callable[[Path], int] = lambda folder: shutil.disk_usage(folder).free

    @contextmanager
    def hold(
        self, name: str, *, wanted: Callable[[], Inventory], fill: Callable[[Inventory, Path], None], tick: Tick
    ) -> Iterator[Path]:
        """A model's folder, fetched when it is not there; nobody removes it while the block runs.

        Args:
            name: of its folder; no path.
            wanted: what it consists of; asked when it must be fetched.
            fill: brings the files into a folder, which may hold some of them.
            tick: called while this waits for somebody else.

        Raises:
            ModelError: it does not fit, or the disk refuses it.
        """
        with self._translated():
            (self.folder / _LOCKS).mkdir(parents=True, exist_ok=True)
            lock = self._lock(name)
        with lock:
            with self._translated():
                lock.take(tick, alone=False)
                if not self._intact(name):
                    lock.take(tick, alone=True)
                    if not self._intact(name):
                        self._fetch(name, wanted, fill, tick)
                    lock.take(tick, alone=False)
                os.utime(lock.path)
            yield self.folder / name

    def _lock(self, name: str) -> _Lock:
        return _Lock(self.folder / _LOCKS / name)

    @contextmanager
    def _translated(self) -> Iterator[None]:
        """Say what the disk refuses in a sentence."""
        try:
            yield
        except OSError as error:
            if error.errno in _FULL:
                raise ModelError(
                    f"The disk of the model cache {self.folder} is full: make room there, or set FARM_MODEL_CACHE to a"
                    " folder on a larger disk."
                ) from error
            raise ModelError(
                f"The model cache {self.folder} cannot be used ({error.strerror}): set FARM_MODEL_CACHE to a folder"
                " that this worker can write to."
            ) from error

    def _fetch(
        self, name: str, wanted: Callable[[], Inventory], fill: Callable[[Inventory, Path], None], tick: Tick
    ) -> None:
        """Bring a model, and put it in its place when it is whole."""
        inventory, partial = wanted(), self.folder / (name + _PARTIAL)
        self._reopen(name)
        while not self._reserve(name, inventory):
            tick()
            time.sleep(_POLL)
        fill(inventory, partial)
        stamps = {file.path: _stamp(partial / file.path) for file in inventory.files}
        _write(partial / LIST, inventory, stamps)
        partial.rename(self.folder / name)

    def _intact(self, name: str) -> bool:
        """Whether a model is there as it was checked; a file with another size or time is checked again."""
        folder = self.folder / name
        try:
            inventory, stamps = _read(folder / LIST)
            changed = [file for file in inventory.files if _stamp(folder / file.path) != stamps.get(file.path)]
            return all(file.sha256 is not None and sha256(folder / file.path) == file.sha256 for file in changed)
        except (OSError, DamagedError):
            return False

    def _reopen(self, name: str) -> None:
        """Make a folder that is not what it should be one that is still to be filled: what is sound in it stays."""
        folder, partial = self.folder / name, self.folder / (name + _PARTIAL)
        if folder.is_dir() and not partial.exists():
            folder.rename(partial)
        elif folder.is_dir():
            self._remove(folder)

    def _reserve(self, name: str, inventory: Inventory) -> bool:
        """Make room for a model and say so to other workers; False while others hold what would have to go.

        Raises:
            ModelError: there will never be room.
        """
        if inventory.size > self.budget:
            raise ModelError(
                f"Model {inventory.model} has {_gb(inventory.size)}, and the model cache of this worker may have"
                f" {_gb(self.budget)}: raise FARM_MODEL_CACHE_GB."
            )
        partial = self.folder / (name + _PARTIAL)
        with self._lock(_ALL) as lock:
            lock.take(patiently, alone=True)
            for rest in self.folder.glob(f"{_GONE}*"):
                shutil.rmtree(rest, ignore_errors=True)
            kept = self._make_room(name, inventory, _allocated(partial))
            if kept is None:
                partial.mkdir(exist_ok=True)
                _write(partial / LIST, inventory, {})
            elif not kept:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return kept is None

    def _make_room(self, name: str, inventory: Inventory, here: int) -> list[str] | None:
        """Drop models that nobody uses, the longest unused first, until one more fits; None when it does.

        Args:
            name: of the one more.
            inventory: what it consists of.
            here: bytes of it that are on the disk already.

        Returns:
            The models that are in use; none where there would not be room without any.
        """
        others = {each: self._size(each) for each in self._models() if each != name}
        taken = sum(_allocated(self.folder / folder) for each in others for folder in (each, each + _PARTIAL))
        if inventory.size - here > self.free(self.folder) - _MARGIN + taken:
            return []
        for each in sorted(others, key=self._used_at):
            if self._fits(inventory.size, here, others):
                break
            if self._drop(each):
                del others[each]
        return None if self._fits(inventory.size, here, others) else list(others)

    def _fits(self, size: int, here: int, others: Mapping[str, int]) -> bool:
        """Whether a model fits beside others, into the budget and onto the disk, with what they have yet to fetch."""
        owed = sum(max(0, planned - _allocated(self.folder / (each + _PARTIAL))) for each, planned in others.items()
                   if (self.folder / (each + _PARTIAL)).is_dir())  # fmt: skip
        room = self.free(self.folder) - _MARGIN - owed
        return size + sum(others.values()) <= self.budget and size - here <= room

    def _models(self) -> set[str]:
        """Names of the models here, whole or on their way; nothing that somebody else has put here."""
        found = (path.parent.name for path in self.folder.glob(f"*/{LIST}"))
        return {name.removesuffix(_PARTIAL) for name in found if not name.startswith(".")}

    def _size(self, name: str) -> int:
        """Bytes that a model has, or will have."""
        for folder in (self.folder / name, self.folder / (name + _PARTIAL)):
            try:
                return _read(folder / LIST)[0].size
            except (OSError, DamagedError):
                continue
        return sum(_allocated(self.folder / each) for each in (name, name + _PARTIAL))

    def _used_at(self, name: str) -> float:
        """When a model was last held."""
        try:
            return (self.folder / _LOCKS / name).stat().st_mtime
        except OSError:
            return 0.0

    def _drop(self, name: str) -> bool:
        """Remove a model unless somebody holds it."""
        with self._lock(name) as lock:
            if not lock.try_(alone=True):
                return False
            for folder in (self.folder / name, self.folder / (name + _PARTIAL)):
                if folder.is_dir():
                    self._remove(folder)
            log.info("Removed %s from the model cache", name, extra={"action": "model_dropped", "model": name})
            return True

    def _remove(self, folder: Path) -> None:
        """Remove a folder; killed in the middle, it is no model any more."""
        gone = self.folder / f"{_GONE}{folder.name}-{secrets.token_hex(4)}"
        folder.rename(gone)
        shutil.rmtree(gone, ignore_errors=True)


def _stamp(path: Path) -> list[int]:
    """Size and time of a file: while both are as they were, its content is."""
    found = path.stat(follow_symlinks=False)
    return [found.st_size, found.st_mtime_ns]


def _write(path: Path, inventory: Inventory, stamps: Mapping[str, list[int]]) -> None:
    path.write_text(json.dumps({"inventory": inventory.model_dump(), "stamps": stamps}), encoding="utf-8")


def _read(path: Path) -> tuple[Inventory, dict[str, list[int]]]:
    """A list of files and their stamps; raises `OSError` or `DamagedError`."""
    try:
        found = json.loads(path.read_bytes())
        return Inventory.parse(json.dumps(found["inventory"]).encode()), dict(found["stamps"])
    except (ValueError, KeyError, TypeError):
        raise DamagedError("The list of a cached model's files is damaged.") from None


def _allocated(folder: Path) -> int:
    """Bytes that a folder's files take on the disk; another worker may be writing or moving them."""
    total = 0
    for inner, _, names in os.walk(folder):
        for name in names:
            with suppress(OSError):
                total += os.lstat(os.path.join(inner, name)).st_blocks * 512  # noqa: PTH118 of what `os.walk` gives
    return total


def _gb(size: int) -> str:
    return f"{size / 1e9:.1f} GB"
