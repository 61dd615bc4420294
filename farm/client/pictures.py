"""The pictures of a job as its records name them, and proof that the store holds what was rendered."""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import TYPE_CHECKING

from farm.errors import NotInStoreError, StoreError
from farm.profile.outcome import Outcome
from farm.report.reading import ahead
from farm.store import keys

if TYPE_CHECKING:
    from farm.profile.record import Record
    from farm.store.keys import RecordName
    from farm.store.store import Store

#: A picture that is not what was rendered is read so often before it counts as damaged: the way may be to blame.
_READS = 2


@dataclass(frozen=True, slots=True)
class Picture:
    """One picture that a rendered record names."""

    position: int
    #: Name below the job's ``images/``.
    name: str
    #: Every sha256 that a rendered record of this task holds: two workers may differ in the last bit.
    sha256: frozenset[str]

    def accepts(self, data: bytes) -> bool:
        """Whether these bytes are what a worker rendered."""
        return hashlib.sha256(data).hexdigest() in self.sha256


class Finding(StrEnum):
    """What a look at a picture in the store found."""

    FINE = "fine"  #: it is what was rendered
    MISSING = "missing"  #: a record names it, and the store does not hold it
    DAMAGED = "damaged"  #: no record accepts its bytes, or the store has it and cannot give it


def rendered(store: "Store", job_id: str) -> "list[RecordName]":
    """Names of the records that name pictures, ascending by position: one LIST, no GET."""
    found = (keys.parse_record(job_id, key) for key in store.list(keys.records(job_id)))
    names = [name for name in found if name and name.outcome is Outcome.RENDERED]
    return sorted(names, key=lambda name: (name.range.start, name.range.stop))


def covered(names: "Iterable[RecordName]") -> int:
    """How many pictures ascending records name, those named twice counted once."""
    count = stop = 0
    for name in names:
        count += max(0, name.range.stop - max(stop, name.range.start))
        stop = max(stop, name.range.stop)
    return count


def pictures(store: "Store", names: "Sequence[RecordName]") -> Iterator[Picture]:
    """Every picture that ascending records name, in execution order; the records are read a few at a time."""
    for found in ahead(partial(_merge, store), clusters(names)):
        yield from found


def clusters(names: "Iterable[RecordName]") -> "Iterator[list[RecordName]]":
    """Ascending records gathered into runs that overlap: no task's records lie in two of them."""
    gathered: list[RecordName] = []
    stop = 0
    for name in names:
        if gathered and name.range.start >= stop:
            yield gathered
            gathered = []
        gathered.append(name)
        stop = max(stop, name.range.stop)
    if gathered:
        yield gathered


def _merge(store: "Store", cluster: "Iterable[RecordName]") -> list[Picture]:
    named: dict[int, str] = {}
    hashes: dict[int, set[str]] = {}
    for record in (_read(store, name) for name in cluster):
        for image in record.images:
            named.setdefault(image.position, image.name)
            hashes.setdefault(image.position, set()).add(image.sha256)
    return [Picture(position, named[position], frozenset(hashes[position])) for position in sorted(named)]


def _read(store: "Store", name: "RecordName") -> "Record":
    from farm.profile.record import Record

    return Record.model_validate_json(store.get(keys.record(name.range, name.token, name.outcome)))


def read(store: "Store", job_id: str, picture: Picture) -> tuple[Finding, bytes]:
    """A picture's bytes, empty unless they are what was rendered.

    Raises:
        StoreError: the store cannot be reached; one object that it cannot give, as from a bad disk, is damaged.
    """
    key = keys.image(job_id, picture.name)
    try:
        for _ in range(_READS):
            data = _got(store, key)
            if picture.accepts(data):
                return Finding.FINE, data
    except NotInStoreError:
        return Finding.MISSING, b""
    return Finding.DAMAGED, b""


def _got(store: "Store", key: str) -> bytes:
    """An object's bytes; none of one that the store has and fails to give."""
    try:
        return store.get(key)
    except NotInStoreError:
        raise
    except StoreError:
        if store.exists(key):
            return b""
        raise
