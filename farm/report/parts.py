"""The parts of a job's tables in the store: one part per slice and table, each a pure function of the slice's records.

A part carries the digest of those records. Whoever finds one with another digest brings it up to date, so that tables
need no state beside themselves: a writer that was killed between two objects leaves parts that do not agree, and they
are made anew. ``attempts`` is written last and says which records a part was made of.
"""

import io
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from farm.errors import NotInStoreError, StoreError
from farm.profile.fold import Folded, Interval
from farm.profile.record import Record
from farm.report.measured import Attempt, Batch
from farm.report.reading import ahead
from farm.report.slices import Slice
from farm.report.tables import (
    TABLES,
    Gathered,
    Tasks,
    add_images,
    attempt_values,
    batch_values,
    digest_of,
    rendered_batches,
    schema,
    to_parquet,
)
from farm.store import keys
from farm.store.keys import RecordName
from farm.store.store import Store

if TYPE_CHECKING:
    import polars as pl

#: In the order they are written.
_NAMES = ("images", "batches", "attempts")
_KIND = "application/vnd.apache.parquet"


@dataclass(frozen=True, slots=True)
class Part:
    """The tables of one slice; a reader that needs no pictures leaves ``images`` out.

    Args:
        digest: of the records that it was made of.
        frames: table -> its rows.
    """

    digest: str
    frames: Mapping[str, "pl.DataFrame"]

    def attempts(self) -> Iterator[Attempt]:
        """Its records."""
        return map(Attempt.of, self.frames["attempts"].select(Attempt._fields).iter_rows())

    def batches(self) -> Iterator[Batch]:
        """Its batches."""
        return map(Batch._make, self.frames["batches"].select(Batch._fields).iter_rows())

    def holds(self) -> dict[tuple[int, int, str, int, str], int]:
        """What the names of its records say -> positions that each of them won."""
        return {one.key: one.won for one in self.attempts()}


@dataclass(frozen=True, slots=True)
class Tables:
    """The tables of one job.

    Args:
        store: where records and tables are.
        job_id: the job.
        tasks: its tasks, for the table of pictures; None leaves that table out, and nothing is written.
    """

    store: Store
    job_id: str
    tasks: Tasks | None = None

    @property
    def _names(self) -> tuple[str, ...]:
        return _NAMES if self.tasks else _NAMES[1:]

    def part(self, piece: Slice, folded: Folded) -> Part:
        """The part as the records are now: read where it is there, brought up to date where it is not.

        Args:
            piece: the slice.
            folded: the fold of its records, and of all that overlap them.

        Raises:
            StoreError: the store cannot be reached, or a record is damaged.
        """
        found = self._read(piece.number)
        if found is not None and found.digest == piece.digest:
            return found
        part = self._updated(found, piece, folded)
        if self.tasks is not None:
            self._write(piece.number, part)
        return part

    def _write(self, number: int, part: Part) -> None:
        for name in _NAMES:
            data = to_parquet(part.frames[name], digest=part.digest)
            self.store.put(keys.table(self.job_id, name, number), data, content_type=_KIND)

    def _read(self, number: int) -> Part | None:
        """The part in the store; None when there is none, or its tables do not agree."""
        digest: str | None = None
        frames: dict[str, pl.DataFrame] = {}
        for name in reversed(self._names):
            table = self._table(name, number)
            if table is None or digest not in (None, table[0]):
                return None
            digest, frames[name] = table
        return Part(digest or "", frames)

    def _table(self, name: str, number: int) -> "tuple[str, pl.DataFrame] | None":
        """A table of a part with its digest; None when it is not there, or not what we wrote."""
        import polars as pl

        try:
            data = self.store.get(keys.table(self.job_id, name, number))
            digest = digest_of(data)
            frame = pl.read_parquet(io.BytesIO(data))
        except (NotInStoreError, pl.exceptions.PolarsError, OSError):
            return None
        return None if digest is None or frame.schema != schema(TABLES[name]) else (digest, frame)

    def _updated(self, before: Part | None, piece: Slice, folded: Folded) -> Part:
        """A part with the records that are new; made anew when one that it holds counts for less than before."""
        import polars as pl

        wins = dict(zip(map(key_of, piece.names), piece.won, strict=True))
        held = before.holds() if before else {}
        if before is None or not held.items() <= wins.items():
            held, before = {}, None
        fresh = [name for name in piece.names if key_of(name) not in held]
        made = self._made(fresh, folded)
        frames = {name: pl.concat([before.frames[name], made[name]]) if before else made[name] for name in self._names}
        return Part(piece.digest, {name: frame.sort(_ORDER[name]) for name, frame in frames.items()})

    def _made(self, names: Iterable[RecordName], folded: Folded) -> dict[str, "pl.DataFrame"]:
        """Rows of these records."""
        rows = {name: Gathered(TABLES[name]) for name in self._names}
        for name, record in read_records(self.store, names):
            won = folded.won.get(name, ())
            try:
                self._add(rows, name, record, won, folded)
            except (KeyError, IndexError):
                raise StoreError(_damaged(name)) from None
        return {name: rows[name].frame() for name in self._names}

    def _add(
        self, rows: Mapping[str, Gathered], name: RecordName, record: Record, won: tuple[Interval, ...], folded: Folded
    ) -> None:
        rows["attempts"].add(1, attempt_values(record, won=folded.useful(name)), {})
        for batch in rendered_batches(record):
            counting = folded.useful(name, batch.start, batch.stop)
            rows["batches"].add(1, batch_values(record, batch, won=counting), {})
        if self.tasks is not None:
            add_images(rows["images"], record, won, self.tasks)


#: Table -> the order of its rows: pictures in the user's, the others in the order of their positions and of their age.
_ORDER = {
    "images": ["index"],
    "attempts": ["start", "stop", "epoch", "counter", "outcome"],
    "batches": ["start", "stop", "epoch", "counter"],
}


def key_of(name: RecordName) -> tuple[int, int, str, int, str]:
    """What a record's name says, as `Attempt.key` has it."""
    return name.range.start, name.range.stop, name.token.epoch, name.token.counter, name.outcome.value


def record_names(store: Store, job_id: str) -> list[RecordName]:
    """Names of a job's records in a fixed order: one LIST, no GET."""
    found = (keys.parse_record(job_id, key) for key in store.list(keys.records(job_id)))
    return sorted(name for name in found if name is not None)


def read_records(store: Store, names: Iterable[RecordName]) -> Iterator[tuple[RecordName, Record]]:
    """Read records, several at a time, in the order of the names.

    Raises:
        StoreError: one is not there, or no record any more.
    """

    def read(name: RecordName) -> tuple[RecordName, Record]:
        """One record with its name."""
        data = store.get(keys.record(name.range, name.token, name.outcome))
        try:
            return name, Record.model_validate_json(data)
        except ValueError:
            raise StoreError(_damaged(name)) from None

    yield from ahead(read, names)


def _damaged(name: RecordName) -> str:
    key = keys.record(name.range, name.token, name.outcome)
    return f"The record {key} is damaged: put it back, or delete it and submit the job anew with --again."
