"""A store in memory: the same verbs, for tests and dry runs."""

import hashlib
import threading
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from farm.errors import NotInStoreError
from farm.store.store import Entry, plain_metadata


@dataclass(frozen=True, slots=True)
class MemoryObject:
    """One object with what was said about it."""

    data: bytes
    content_type: str
    metadata: Mapping[str, str]


class MemoryStore:
    """A `Store` that ends with its process."""

    def __init__(self) -> None:
        self.objects: dict[str, MemoryObject] = {}
        self.others: dict[tuple[str, str], MemoryStore] = {}
        self._lock = threading.Lock()

    def put(
        self,
        key: str,
        data: bytes,
        *,
        content_type: str = "application/octet-stream",
        metadata: Mapping[str, str] | None = None,
    ) -> None:
        """Write an object, replacing what was there."""
        with self._lock:
            self.objects[key] = MemoryObject(bytes(data), content_type, plain_metadata(metadata))

    def put_stream(
        self,
        key: str,
        pieces: Iterable[bytes],
        *,
        content_type: str = "application/octet-stream",
        metadata: Mapping[str, str] | None = None,
    ) -> None:
        """Write an object, replacing what was there."""
        self.put(key, b"".join(pieces), content_type=content_type, metadata=metadata)

    def get(self, key: str) -> bytes:
        """The object's bytes; raises `NotInStoreError`."""
        with self._lock:
            if key not in self.objects:
                raise NotInStoreError(key)
            return self.objects[key].data

    def stream(self, key: str) -> Iterator[bytes]:
        """The object's bytes in pieces; raises `NotInStoreError`."""
        return iter([self.get(key)])

    def read(self, key: str, start: int, stop: int) -> bytes:
        """A part of the object's bytes; raises `NotInStoreError`."""
        return self.get(key)[start:stop]

    def metadata(self, key: str) -> Mapping[str, str]:
        """What was said about an object; raises `NotInStoreError`."""
        self.get(key)
        return self.objects[key].metadata

    def exists(self, key: str) -> bool:
        """Whether the object is there."""
        with self._lock:
            return key in self.objects

    def list(self, prefix: str, *, after: str = "") -> Iterator[str]:
        """Keys that begin with the prefix, in ascending order, as they are now; of those, what follows `after`."""
        with self._lock:
            keys = sorted(key for key in self.objects if key.startswith(prefix) and key > after)
        return iter(keys)

    def entries(self, prefix: str, *, after: str = "") -> Iterator[Entry]:
        """Objects whose keys begin with the prefix, as `list` has them."""
        found = [(key, self.get(key)) for key in self.list(prefix, after=after)]
        return iter([Entry(key, len(data), hashlib.sha256(data).hexdigest()) for key, data in found])

    def folders(self, prefix: str) -> Iterator[str]:
        """Names of the folders directly below a prefix that ends in a slash, ascending."""
        below = (key.removeprefix(prefix).partition("/") for key in self.list(prefix))
        return iter(sorted({name for name, slash, _ in below if slash}))

    def delete(self, keys: Iterable[str]) -> None:
        """Delete objects; those that are not there are passed over."""
        with self._lock:
            for key in keys:
                self.objects.pop(key, None)

    def beside(self, bucket: str, prefix: str) -> "MemoryStore":
        """Another store, the same one for the same names."""
        return self.others.setdefault((bucket, prefix), MemoryStore())

    def check(self) -> None:
        """Memory is always there."""
