"""Reading what was measured of a job: its records, and the sessions of the workers that served it."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from farm.profile.fold import Folded, Interval, fold
from farm.profile.record import Record
from farm.profile.seconds import Session
from farm.report.reading import ahead
from farm.report.sessions import read_sessions
from farm.store import keys
from farm.store.keys import RecordName
from farm.store.store import Store


@dataclass(frozen=True, slots=True)
class Attempt:
    """A record with its name; the name is what the fold knows it by."""

    name: RecordName
    record: Record


@dataclass(frozen=True, slots=True)
class JobData:
    """Everything that was measured of one job.

    Args:
        over: whether the job ended: until then a span without a record is work in flight, afterwards it is waste.
    """

    job_id: str
    attempts: tuple[Attempt, ...]
    folded: Folded
    sessions: tuple[Session, ...]
    over: bool

    @property
    def started_at(self) -> float | None:
        """When the first range was claimed, POSIX seconds; None when nothing was."""
        return min((one.record.claimed_at for one in self.attempts), default=None)

    @property
    def ended_at(self) -> float | None:
        """When the last record was finished, POSIX seconds."""
        return max((one.record.finished_at for one in self.attempts), default=None)

    def won_by_token(self) -> dict[str, list[Interval]]:
        """Token -> the positions that its attempt won; a token that won nothing is not there."""
        won: dict[str, list[Interval]] = {}
        for name, intervals in self.folded.won.items():
            won.setdefault(str(name.token), []).extend(intervals)
        return won


def record_names(store: Store, job_id: str) -> list[RecordName]:
    """Names of a job's records in a fixed order: one LIST, no GET."""
    found = (keys.parse_record(job_id, key) for key in store.list(keys.records(job_id)))
    return sorted(name for name in found if name is not None)


def read_attempts(store: Store, names: Iterable[RecordName]) -> Iterator[Attempt]:
    """Read records, several at a time, in the order of the names."""

    def read(name: RecordName) -> Attempt:
        """One record with its name."""
        data = store.get(keys.record(name.range, name.token, name.outcome))
        return Attempt(name, Record.model_validate_json(data))

    yield from ahead(read, names)


def load(store: Store, job_id: str) -> JobData:
    """Read a job's records and sessions; the records' pictures are left out, which no report needs.

    Raises:
        StoreError: the store cannot be reached.
    """
    names = record_names(store, job_id)
    attempts = tuple(
        Attempt(one.name, one.record.model_copy(update={"images": []})) for one in read_attempts(store, names)
    )
    over = store.exists(keys.finished(job_id))
    data = JobData(job_id=job_id, attempts=attempts, folded=fold(names), sessions=(), over=over)
    if data.started_at is None or data.ended_at is None:
        return data
    workers = {one.record.worker.id for one in attempts}
    return replace(data, sessions=tuple(read_sessions(store, workers, start=data.started_at, stop=data.ended_at)))
