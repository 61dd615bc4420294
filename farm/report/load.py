"""Reading what was measured of a job: its tables and newer records, and the sessions of the workers that served it."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from farm.profile.fold import Folded, Interval, fold
from farm.profile.seconds import Session
from farm.report.fits import Fits
from farm.report.groups import Groups
from farm.report.measured import Attempt
from farm.report.parts import Part, Tables, record_names
from farm.report.sessions import read_sessions
from farm.report.slices import slices
from farm.store import keys
from farm.store.store import Store


@dataclass(slots=True)
class Measured:
    """What the parts of a job's tables come to, added up part by part: only the records are kept."""

    attempts: list[Attempt] = field(default_factory=list)
    groups: Groups = field(default_factory=Groups)
    fits: Fits = field(default_factory=Fits)

    def add(self, part: Part) -> None:
        """Count a part."""
        self.attempts.extend(part.attempts())
        for batch in part.batches():
            self.groups.add(batch)
            self.fits.add(batch)

    @property
    def started_at(self) -> float | None:
        """When the first range was claimed, POSIX seconds; None when nothing was."""
        return min((one.claimed_at for one in self.attempts), default=None)

    @property
    def ended_at(self) -> float | None:
        """When the last record was finished, POSIX seconds."""
        return max((one.finished_at for one in self.attempts), default=None)


@dataclass(frozen=True, slots=True)
class JobData:
    """Everything that was measured of one job.

    Args:
        sessions: read anew whenever they are asked for: those of a large job do not fit into memory.
        over: whether the job ended: until then a span without a record is work in flight, afterwards it is waste.
    """

    job_id: str
    measured: Measured
    folded: Folded
    sessions: Iterable[Session]
    over: bool

    @property
    def attempts(self) -> list[Attempt]:
        """Every record, in the order of the positions."""
        return self.measured.attempts

    def won_by_token(self) -> dict[str, list[Interval]]:
        """Token -> the positions that its attempt won; a token that won nothing is not there."""
        won: dict[str, list[Interval]] = {}
        for name, intervals in self.folded.won.items():
            won.setdefault(str(name.token), []).extend(intervals)
        return won


@dataclass(frozen=True, slots=True)
class _Sessions:
    """The sessions of a job's workers, in the store."""

    store: Store
    measured: Measured

    def __iter__(self) -> Iterator[Session]:
        start, stop = self.measured.started_at, self.measured.ended_at
        workers = {one.worker for one in self.measured.attempts}
        return iter(()) if start is None or stop is None else read_sessions(self.store, workers, start=start, stop=stop)


def load(store: Store, job_id: str) -> JobData:
    """Read a job: the tables that were rolled up while it ran, and the records that are in none of them yet.

    Raises:
        StoreError: the store cannot be reached, or a record is damaged.
    """
    names = record_names(store, job_id)
    folded, measured, tables = fold(names), Measured(), Tables(store, job_id)
    for piece in slices(names, folded):
        measured.add(tables.part(piece, folded))
    over = store.exists(keys.finished(job_id))
    return JobData(job_id=job_id, measured=measured, folded=folded, sessions=_Sessions(store, measured), over=over)
