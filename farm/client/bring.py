"""Bring pictures to a folder, each under its own name: what is there and whole already is left alone."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from farm.client.folder import Folder, digest, writing
from farm.client.pictures import Finding, Picture, covered, pictures, read
from farm.client.tally import Tally
from farm.report.reading import ahead

if TYPE_CHECKING:
    from farm.plan.plan import Plan
    from farm.store.keys import RecordName
    from farm.store.store import Store


@dataclass(frozen=True)
class Source:
    """The pictures of a job in the store.

    Args:
        store: where they are.
        plan: the job's plan.
        names: the records that name them, ascending: what is rendered later waits for the next fetch.
    """

    store: "Store"
    plan: "Plan"
    names: "Sequence[RecordName]"

    @cached_property
    def total(self) -> int:
        """How many pictures there are."""
        return covered(self.names)

    def pictures(self) -> Iterator[Picture]:
        """Every picture in execution order, a few records at a time."""
        return pictures(self.store, self.names)

    def read(self, picture: Picture) -> tuple[Finding, bytes]:
        """A picture's bytes, empty unless they are what was rendered."""
        return read(self.store, self.plan.job_id, picture)


@dataclass(frozen=True, slots=True)
class _Brought:
    picture: Picture
    #: None when the store does not hold what was rendered.
    size: int | None
    new: bool


def bring(source: Source, folder: Folder, below: str, tally: Tally) -> Iterator[Picture]:
    """Bring every picture to ``folder/below``, several at a time; those that are there come out in execution order."""

    def one(picture: Picture) -> _Brought:
        """Leave, replace or write one."""
        path = folder.inside(f"{below}/{picture.name}")
        with writing(folder.path):
            if digest(path) in picture.sha256:
                return _Brought(picture, path.stat().st_size, new=False)
        found, data = source.read(picture)
        if found is not Finding.FINE:
            return _Brought(picture, None, new=False)
        return _Brought(picture, folder.write(path, [data]), new=True)

    for brought in ahead(one, source.pictures()):
        if brought.size is None:
            tally.miss(brought.picture.name)
            continue
        tally.add(brought.size, new=brought.new)
        yield brought.picture
