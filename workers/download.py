"""A model from the store to this disk: parts side by side, none of them twice, and all of it checked."""

import hashlib
import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from farm.errors import DamagedError, NotInStoreError, StoreError
from farm.inventory import File, Inventory

#: Bytes of a request, and requests under way.
CHUNK, THREADS = 16 << 20, 8
#: Seconds between two calls of `tick`.
_TICK = 0.5
#: Tries of a part while the store is away, and seconds between them.
TRIES, DELAY = 60, 1.0
#: Ends the name of a journal: one byte per part, not zero when the part is there.
_JOURNAL = ".parts"

#: Path, first byte, last byte (exclusive) -> bytes.
Read = Callable[[str, int, int], bytes]


class Tick(Protocol):
    """Called now and then while something takes long; raises to leave."""

    def __call__(self, trouble: str = "") -> None:
        """Time passes; `trouble` says why nothing moves."""


def patiently(trouble: str = "") -> None:
    """A tick that nobody hears."""


@dataclass(frozen=True)
class _Draft:
    """A file on its way."""

    file: File
    path: Path
    chunk: int

    @property
    def journal(self) -> Path:
        """Which parts are there."""
        return self.path.with_name(self.path.name + _JOURNAL)

    @property
    def parts(self) -> int:
        """How many there are."""
        return max(1, -(-self.file.bytes // self.chunk))

    def prepare(self) -> list[int]:
        """Make room for the file, unless an earlier try did; the parts that are missing."""
        self.path.parent.mkdir(exist_ok=True)
        done = self.journal.read_bytes() if self.journal.is_file() and not self.path.is_symlink() else b""
        if len(done) != self.parts or not self.path.is_file() or self.path.stat().st_size != self.file.bytes:
            self.reset()
            done = bytes(self.parts)
        return [number for number in range(self.parts) if not done[number]]

    def reset(self) -> None:
        """Begin again with nothing."""
        self.path.unlink(missing_ok=True)
        self.journal.write_bytes(bytes(self.parts))
        with self.path.open("xb") as stream:
            stream.truncate(self.file.bytes)

    def fetch(self, number: int, read: Read) -> None:
        """Bring one part."""
        start = number * self.chunk
        stop = min(start + self.chunk, self.file.bytes)
        data = read(self.file.path, start, stop)
        if len(data) != stop - start:
            raise DamagedError(f"{self.file.path} is shorter than it was")
        _write(self.path, data, start)
        _write(self.journal, b"\1", number)

    def check(self) -> bool:
        """Whether the file is what was uploaded."""
        return self.file.sha256 is None or sha256(self.path) == self.file.sha256


class Download:
    """Brings the files of a model into a folder, going on where an earlier try ended.

    Args:
        inventory: what to bring.
        read: gives parts of the files.
        folder: where to; there.
        chunk: bytes of a part.
        delay: seconds between two tries while the store is away.
    """

    def __init__(
        self, inventory: Inventory, read: Read, folder: Path, *, chunk: int = CHUNK, delay: float = DELAY
    ) -> None:
        self._drafts = [_Draft(file, folder / file.path, chunk) for file in inventory.files]
        self._read, self._delay = read, delay
        self._trouble = ""
        self._stopped = threading.Event()

    def run(self, tick: Tick) -> None:
        """Bring what is missing, check all of it, and bring once more what is not what was uploaded.

        Args:
            tick: called every half second; what it raises ends the download, and what is there stays.

        Raises:
            DamagedError: a file is still not what was uploaded, or is gone.
            StoreError: the store was away for too long.
            OSError: the disk does not take it.
        """
        with ThreadPoolExecutor(THREADS, thread_name_prefix="download") as pool:
            try:
                bad = self._bring(self._drafts, pool, tick)
                bad = self._bring(bad, pool, tick)
            except BaseException:
                self._stopped.set()
                pool.shutdown(cancel_futures=True)
                raise
        if bad:
            raise DamagedError(f"{bad[0].file.path} is not what was uploaded")
        for draft in self._drafts:
            draft.journal.unlink(missing_ok=True)

    def _bring(self, drafts: Sequence[_Draft], pool: ThreadPoolExecutor, tick: Tick) -> list[_Draft]:
        """Fetch what is missing; the files that are not what they should be, reset."""
        missing = [(draft, number) for draft in drafts for number in draft.prepare()]
        self._attend([pool.submit(self._fetch, draft, number) for draft, number in missing], tick)
        checks = [pool.submit(draft.check) for draft in drafts]
        self._attend(checks, tick)
        bad = [draft for draft, check in zip(drafts, checks, strict=True) if not check.result()]
        for draft in bad:
            draft.reset()
        return bad

    def _fetch(self, draft: _Draft, number: int) -> None:
        """One part, however long the store is away within reason."""
        for left in reversed(range(TRIES)):
            try:
                draft.fetch(number, self._read)
            except NotInStoreError:
                raise DamagedError(f"{draft.file.path} is gone") from None
            except StoreError as error:
                self._trouble = str(error)
                if not left or self._stopped.wait(self._delay):
                    raise
            else:
                self._trouble = ""
                return

    def _attend(self, futures: Sequence[Future[Any]], tick: Tick) -> None:
        """Wait until all are done, or one failed."""
        pending = set(futures)
        while pending:
            done, pending = wait(pending, timeout=_TICK, return_when=FIRST_EXCEPTION)
            tick(self._trouble)
            for future in done:
                future.result()


def sha256(path: Path) -> str:
    """Hash of a file's content, in hex."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _write(path: Path, data: bytes, start: int) -> None:
    """Write into the middle of a file that is there."""
    handle = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        while data:
            written = os.pwrite(handle, data, start)
            data, start = data[written:], start + written
    finally:
        os.close(handle)
