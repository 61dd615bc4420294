"""The pictures of a job as its records name them, and proof that the store holds what was rendered."""

import hashlib
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

from farm.errors import NotInStoreError
from farm.profile.outcome import Outcome
from farm.store import keys

if TYPE_CHECKING:
    from farm.profile.record import Record
    from farm.store.keys import RecordName
    from farm.store.store import Store

#: Parallel GETs: small pictures wait for the store's answer, not for its bandwidth.
THREADS = 8
#: How many clusters or pictures are in flight at once, so that a job of millions does not gather in memory.
WINDOW = 256


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


def pictures(store: "Store", job_id: str) -> Iterator[Picture]:
    """Every picture rendered so far, in execution order."""
    names = [
        name
        for key in store.list(keys.records(job_id))
        if (name := keys.parse_record(job_id, key)) and name.outcome is Outcome.RENDERED
    ]
    groups = clusters(names)
    with ThreadPoolExecutor(THREADS, thread_name_prefix="records") as pool:
        while window := list(islice(groups, WINDOW)):
            for found in pool.map(lambda cluster: _merge(store, cluster), window):
                yield from found


def clusters(names: "Iterable[RecordName]") -> "Iterator[list[RecordName]]":
    """Records gathered into runs that overlap: no task's records lie in two of them."""
    gathered: list[RecordName] = []
    stop = 0
    for name in sorted(names, key=lambda name: (name.range.start, name.range.stop)):
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


@dataclass(frozen=True, slots=True)
class Verified:
    """What a check of a job's pictures found."""

    images: int
    #: Names of pictures that a record names and the store does not hold.
    missing: tuple[str, ...]
    #: Names of pictures whose bytes no record accepts.
    wrong: tuple[str, ...]

    @property
    def ok(self) -> bool:
        """Whether every picture is there and is what was rendered."""
        return not self.missing and not self.wrong


def verify(store: "Store", job_id: str) -> Verified:
    """Read every picture of a job and compare it with its records."""
    count, missing, wrong = 0, list[str](), list[str]()
    for picture, data in read_all(store, job_id):
        count += 1
        if data is None:
            missing.append(picture.name)
        elif not picture.accepts(data):
            wrong.append(picture.name)
    return Verified(images=count, missing=tuple(missing), wrong=tuple(wrong))


def read_all(store: "Store", job_id: str) -> Iterator[tuple[Picture, bytes | None]]:
    """Every picture with its bytes, in execution order; None for one that the store does not hold."""
    wanted = pictures(store, job_id)
    with ThreadPoolExecutor(THREADS, thread_name_prefix="pictures") as pool:
        while window := list(islice(wanted, WINDOW)):
            yield from zip(window, pool.map(lambda picture: _get(store, job_id, picture), window), strict=True)


def _get(store: "Store", job_id: str, picture: Picture) -> bytes | None:
    try:
        return store.get(keys.image(job_id, picture.name))
    except NotInStoreError:
        return None
