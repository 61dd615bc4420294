"""What the farm asks of an object store: a few verbs."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Protocol


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

    def get(self, key: str) -> bytes:
        """The object's bytes; raises `NotInStoreError`."""

    def stream(self, key: str) -> Iterator[bytes]:
        """The object's bytes in pieces, for what may be larger than memory; raises `NotInStoreError` at once."""

    def exists(self, key: str) -> bool:
        """Whether the object is there."""

    def list(self, prefix: str) -> Iterator[str]:
        """Keys that begin with the prefix, in ascending order, read a page at a time."""

    def folders(self, prefix: str) -> Iterator[str]:
        """Names of the folders directly below a prefix that ends in a slash, ascending, without what is in them."""

    def delete(self, keys: Iterable[str]) -> None:
        """Delete objects; those that are not there are passed over."""

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
