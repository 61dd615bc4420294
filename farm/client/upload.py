"""A submitter's model folders to the farm's store, for workers that do not share this disk."""

import hashlib
import json
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from farm.errors import DamagedError, ManifestError, NotInStoreError
from farm.files import INDEX, DiskFiles
from farm.inventory import File, Inventory
from farm.manifest.place import shown
from farm.models import stored_name
from farm.store import keys
from farm.weights import fingerprint, needed

if TYPE_CHECKING:
    from farm.manifest.task import PipelineKey
    from farm.plan.plan import Plan
    from farm.store.store import Store

#: Files hashed and sent at a time.
_THREADS = 4
_BLOCK = 1 << 20


@dataclass(frozen=True, slots=True)
class Sent:
    """How far an upload has come.

    Args:
        model: the folder.
        sent: bytes that were sent.
        total: bytes that had to be sent when it began: what the store had already is not among them.
    """

    model: str
    sent: int
    total: int


#: Told how far an upload has come, by several threads, one at a time.
OnSent = Callable[[Sent], None]


def upload_models(plan: "Plan", *, store: "Store", on_sent: OnSent | None = None) -> int:
    """Bring every folder that a plan renders from to the store, unless it is there; the number of bytes sent.

    What makes a model complete, the list of its files with their hashes, is written last: half an upload is never
    used, the next one goes on where it ended, and two at once write the same.

    Raises:
        ManifestError: a folder cannot be read any more, or is not what the plan was made of.
        StoreError: the store does not take it.
    """
    pipelines = {(each.pipeline.model, each.pipeline.variant): each.pipeline for each in plan.groups}
    folders = [key for key in pipelines.values() if Path(key.model).is_absolute()]
    if not folders or store.exists(keys.finished(plan.job_id)):
        return 0
    return sum(_upload(key, store, on_sent or (lambda _: None)) for key in folders)


def _upload(key: "PipelineKey", store: "Store", on_sent: OnSent) -> int:
    place = (stored_name(key.model), str(key.revision))
    if _complete(store, place, key):
        return 0
    files = DiskFiles(Path(key.model))
    try:
        with ThreadPoolExecutor(_THREADS, thread_name_prefix="upload") as pool:
            inventory = _take_stock(key, files, pool)
            sent = _Transfer(inventory, files, store, place, on_sent).run(pool)
        if fingerprint(DiskFiles(files.folder)) != key.revision:
            raise _changed(key.model)
    except OSError as error:
        raise ManifestError(
            f"the folder {shown(key.model)} cannot be read: {error.strerror}.", field="render.model"
        ) from None
    store.put(keys.inventory(*place, key.variant), inventory.to_json(), content_type="application/json")
    return sent


def _complete(store: "Store", place: tuple[str, str], key: "PipelineKey") -> bool:
    """Whether the store has all of a model, as far as its list and the sizes of its files say."""
    try:
        inventory = Inventory.parse(store.get(keys.inventory(*place, key.variant)))
    except (NotInStoreError, DamagedError):
        return False
    there = _there(store, place)
    return all(there.get(file.path) == file.bytes for file in inventory.files)


def _there(store: "Store", place: tuple[str, str]) -> Mapping[str, int]:
    """The files of a model that the store has, and their bytes."""
    prefix = keys.model(*place)
    return {entry.key.removeprefix(prefix): entry.bytes for entry in store.entries(prefix)}


def _take_stock(key: "PipelineKey", files: DiskFiles, pool: ThreadPoolExecutor) -> Inventory:
    """The files that a pipeline needs, and their hashes."""
    paths = needed(files, json.loads(files.read(INDEX)), key.variant)
    hashes = pool.map(lambda path: _sha256(files.folder / path), paths)
    found = [File(path=path, bytes=files.sizes[path], sha256=sha) for path, sha in zip(paths, hashes, strict=True)]
    return Inventory(model=key.model, revision=str(key.revision), variant=key.variant, files=tuple(found))


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _changed(model: str) -> ManifestError:
    return ManifestError(
        f"the folder {shown(model)} changed while it was uploaded: submit again.", field="render.model"
    )


class _Transfer:
    """One upload: several files at a time, ended together when one of them fails."""

    def __init__(
        self, inventory: Inventory, files: DiskFiles, store: "Store", place: tuple[str, str], on_sent: OnSent
    ) -> None:
        self._inventory, self._files, self._store, self._place = inventory, files, store, place
        self._on_sent = on_sent
        self._sent = Sent(inventory.model, 0, 0)
        self._lock, self._stopped = threading.Lock(), threading.Event()

    def run(self, pool: ThreadPoolExecutor) -> int:
        """Send what the store does not have; the number of bytes."""
        missing = list(self._missing())
        self._tell(0, total=sum(file.bytes for file in missing))
        futures = [pool.submit(self._send, file) for file in missing]
        try:
            for future in as_completed(futures):
                future.result()
        except BaseException:
            self._stopped.set()
            pool.shutdown(cancel_futures=True)
            raise
        return self._sent.sent

    def _missing(self) -> Iterable[File]:
        """Files that are not in the store with the same size and hash, the largest first."""
        there = _there(self._store, self._place)
        for file in sorted(self._inventory.files, key=lambda file: -file.bytes):
            if there.get(file.path) != file.bytes or self._hash(file) != file.sha256:
                yield file

    def _hash(self, file: File) -> str | None:
        """What the store says of a file's content, where it remembers what it was told."""
        return self._store.metadata(keys.model_file(*self._place, file.path)).get("sha256")

    def _send(self, file: File) -> None:
        self._store.put_stream(
            keys.model_file(*self._place, file.path),
            self._pieces(file),
            metadata={"sha256": str(file.sha256)},
        )

    def _pieces(self, file: File) -> Iterator[bytes]:
        """A file's content, which must be what it was when it was hashed."""
        digest = hashlib.sha256()
        with (self._files.folder / file.path).open("rb") as stream:
            while block := stream.read(_BLOCK):
                if self._stopped.is_set():
                    raise InterruptedError
                digest.update(block)
                self._tell(len(block))
                yield block
        if digest.hexdigest() != file.sha256:
            raise _changed(self._inventory.model)

    def _tell(self, more: int, *, total: int | None = None) -> None:
        with self._lock:
            now = self._sent
            self._sent = replace(now, sent=now.sent + more, total=now.total if total is None else total)
            self._on_sent(self._sent)
