"""What the farm asks of an object store: a few verbs."""

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple, Protocol


class Entry(NamedTuple):
    """What a listing says of an object: its tag is another whenever its content is."""

    key: str
    bytes: int
    tag: str


class Store(Protocol):
    """An object store, safe to use from several threads.

    Keys are relative to the store's own prefix (see `farm.store.keys`). Every method raises `StoreError` when the store
    cannot be reached or refuses us.
    """

    def put(
        self,
        key: str,
        data: bytes,
        *,
        content_type: str = "application/octet-stream",
        metadata: Mapping[str, str] | None = None,
    ) -> None:
        """Write an object, replacing what was there."""

    def put_stream(
        self,
        key: str,
        pieces: Iterable[bytes],
        *,
        content_type: str = "application/octet-stream",
        metadata: Mapping[str, str] | None = None,
    ) -> None:
        """Write an object that may be larger than memory; it is there whole, or as it was before.

        Args:
            key: what was there is replaced.
            pieces: the object's bytes; what they raise is raised here.
            content_type: as `put` takes it.
            metadata: as `put` takes it.
        """

    def get(self, key: str) -> bytes:
        """The object's bytes; raises `NotInStoreError`."""

    def stream(self, key: str) -> Iterator[bytes]:
        """The object's bytes in pieces, for what may be larger than memory; raises `NotInStoreError` at once."""

    def read(self, key: str, start: int, stop: int) -> bytes:
        """Bytes `start` to `stop`, exclusive, of an object that is at least so long; raises `NotInStoreError`."""

    def metadata(self, key: str) -> Mapping[str, str]:
        """What was said about an object when it was written, names in lower case; raises `NotInStoreError`."""

    def exists(self, key: str) -> bool:
        """Whether the object is there."""

    def list(self, prefix: str, *, after: str = "") -> Iterator[str]:
        """Keys that begin with the prefix, in ascending order, a page at a time; of those, what follows `after`."""

    def entries(self, prefix: str, *, after: str = "") -> Iterator[Entry]:
        """Objects whose keys begin with the prefix, as `list` has them."""

    def folders(self, prefix: str) -> Iterator[str]:
        """Names of the folders directly below a prefix that ends in a slash, ascending, without what is in them."""

    def delete(self, keys: Iterable[str]) -> None:
        """Delete objects; those that are not there are passed over."""

    def beside(self, bucket: str, prefix: str) -> "Store":
        """Another place of the same server, asked with the same keys."""

    def check(self) -> None:
        """Raise `StoreError` with a sentence unless the bucket can be listed."""


def plain_metadata(metadata: Mapping[str, str] | None) -> dict[str, str]:
    """The metadata as every S3 server takes it: lower-case names, ASCII only.

    Raises:
        ValueError: a name or value is not ASCII.
    """
    plain = {name.lower(): value for name, value in (metadata or {}).items()}
    for name, value in plain.items():
        if not (name.isascii() and value.isascii() and value.isprintable()):
            raise ValueError(f"Object metadata must be printable ASCII: {name}={value!r}.")
    return plain
