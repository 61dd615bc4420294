"""Delete all that the store and the ledger hold of a job.

The plan goes first: from then on no coordinator takes the job up, however the removal ends. What says that the job is
over goes last: as long as anything is left, it marks what was begun, for the same command or a coordinator to complete.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

from farm.report.reading import ahead
from farm.store import keys

if TYPE_CHECKING:
    from farm.ledger.ledger import Ledger
    from farm.store.store import Store

#: Keys that one request deletes: the most that S3 takes.
_PAGE = 1000
#: What a submission writes, below the job's folder: another submission of the same job may be at it.
_SUBMITTED = ("manifest.yaml", "job.json", "inputs/", "rows/")

Progress = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Removed:
    """What was removed."""

    job: str
    #: Objects that were deleted, pictures among them.
    objects: int


def erase(store: "Store", ledger: "Ledger", job_id: str, *, on_objects: Progress | None = None) -> Removed:
    """Remove a job that nothing works on; again, after it broke off, and it removes the rest.

    Args:
        store: where its objects are; ``models/`` and ``workers/`` are not the job's.
        ledger: what forgets it.
        job_id: the job.
        on_objects: told how many objects are deleted so far.

    Raises:
        StoreError: the store cannot be reached, or does not let us delete.
    """
    last = keys.finished(job_id)
    store.delete([keys.plan(job_id)])
    ledger.forget(job_id)
    count = 1
    while deleted := _clear(store, (key for key in store.list(keys.job(job_id)) if key != last), count, on_objects):
        count += deleted
    store.delete([last])
    ledger.forget(job_id)  # a coordinator that had read the plan before may have opened the job again
    return Removed(job_id, count + 1)


def sweep(store: "Store", job_id: str) -> None:
    """Delete what a removal that broke off has left of a job that is to be written anew: nothing of it counts."""
    folder = keys.job(job_id)
    _clear(store, (key for key in store.list(folder) if not key.removeprefix(folder).startswith(_SUBMITTED)), 0, None)


def _clear(store: "Store", found: Iterable[str], already: int, on_objects: Progress | None) -> int:
    """Delete objects, many at once; how many those were."""

    def delete(page: list[str]) -> int:
        """Delete one page."""
        store.delete(page)
        return len(page)

    count = 0
    for deleted in ahead(delete, _pages(found)):
        count += deleted
        if on_objects:
            on_objects(already + count)
    return count


def _pages(found: Iterable[str]) -> Iterator[list[str]]:
    left = iter(found)
    while page := list(islice(left, _PAGE)):
        yield page
