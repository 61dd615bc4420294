"""Compare every picture of a job in the store with what its worker recorded."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from farm.client.labels import line
from farm.client.pictures import Finding, Picture, covered, pictures, read, rendered
from farm.client.submit import read_plan
from farm.client.tally import Tally
from farm.report.reading import ahead

if TYPE_CHECKING:
    from farm.store.store import Store

_SENTENCES = {
    Finding.MISSING: "The picture is missing in the store.",
    Finding.DAMAGED: "The picture in the store is not what was rendered.",
}


@dataclass(frozen=True, slots=True)
class Verified:
    """What a check of a job's pictures found."""

    images: int
    #: Pictures that a record names and the store does not hold.
    missing: tuple[Picture, ...]
    #: Pictures whose bytes no record accepts.
    damaged: tuple[Picture, ...]

    @property
    def bad(self) -> int:
        """How many pictures are not what was rendered."""
        return len(self.missing) + len(self.damaged)

    @property
    def ok(self) -> bool:
        """Whether every picture is there and is what was rendered."""
        return not self.bad


def verify(store: "Store", job_id: str, *, on_progress: Callable[[Tally], None] | None = None) -> Verified:
    """Read every picture of a job, a few at a time."""
    names = rendered(store, job_id)
    tally = Tally(covered(names), on_progress)
    bad: dict[Finding, list[Picture]] = {Finding.MISSING: [], Finding.DAMAGED: []}

    def look(picture: Picture) -> tuple[Picture, Finding, int]:
        """What the store holds of one; its bytes are dropped at once."""
        finding, data = read(store, job_id, picture)
        return picture, finding, len(data)

    for picture, finding, size in ahead(look, pictures(store, names)):
        if finding is Finding.FINE:
            tally.add(size, new=True)
        else:
            bad[finding].append(picture)
            tally.miss(picture.name)
    return Verified(tally.images + len(tally.bad), tuple(bad[Finding.MISSING]), tuple(bad[Finding.DAMAGED]))


def errors(store: "Store", job_id: str, verified: Verified) -> str:
    """The tasks of bad pictures in the form of ``errors.jsonl``: as it is, a manifest that draws them again."""
    from farm.report.lines import error

    plan = read_plan(store, job_id)
    groups = ((Finding.MISSING, verified.missing), (Finding.DAMAGED, verified.damaged))
    tasks = ((plan.task(picture.position), _SENTENCES[kind]) for kind, found in groups for picture in found)
    lines = {task.index: line(error(task, sentence)).decode() for task, sentence in tasks}
    return "".join(lines[index] for index in sorted(lines))
