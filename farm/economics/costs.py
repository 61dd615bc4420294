"""What finished jobs measured, kept as sums: one document per job, and all of them together."""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict

from farm.economics.sums import Sums


class CostKey(NamedTuple):
    """What one cost model holds for."""

    model: str
    revision: str
    size: str
    gpu: str
    dtype: str
    batch_size: int
    guided: bool
    calls_per_step: int


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class CostRow(_Value):
    """The samples of one cost model in one job."""

    model: str
    revision: str
    size: str
    gpu: str
    dtype: str
    batch_size: int
    guided: bool
    calls_per_step: int
    sums: Sums

    @property
    def key(self) -> CostKey:
        """What they hold for."""
        return CostKey(*(getattr(self, name) for name in CostKey._fields))


class LoadRow(_Value):
    """Loads of one pipeline on one kind of worker in one job."""

    model: str
    revision: str
    gpu: str
    loads: int
    seconds: float


class KindRow(_Value):
    """What one kind of worker spent on one job, beyond its batches."""

    gpu: str
    #: Currency units per hour; None where nobody set a price.
    price_per_hour: float | None
    #: Busy seconds without loads; `batch_s` of them were batches whose pictures count.
    busy_s: float
    batch_s: float
    #: Short waits of a worker between two ranges.
    gap_s: float


class JobCosts(_Value):
    """One finished job's measurements; jobs add up row by row, in any order."""

    version: int = 1
    job: str
    #: When its first range was claimed, POSIX seconds.
    started_at: float
    rows: tuple[CostRow, ...]
    loads: tuple[LoadRow, ...] = ()
    kinds: tuple[KindRow, ...] = ()


@dataclass(frozen=True, slots=True)
class Overhead:
    """What a kind of worker spends beyond its batches.

    Args:
        busy: busy seconds per second of batches that count, loads left out: 1 and more.
        wall: seconds that pass per busy second while there is work: 1 and more.
    """

    busy: float = 1.0
    wall: float = 1.0


@dataclass(frozen=True, slots=True)
class Costs:
    """What is known of all jobs together.

    Args:
        sums: cost model -> its samples.
        loads: (model, revision, gpu) -> mean seconds of a load.
        overheads: gpu -> its overhead.
        prices: gpu -> the price it had in the newest job that says.
        drift: gpu -> how jobs of the same cost models differ from each other, a relative standard deviation with its
            degrees of freedom; not there where no cost model was measured by two jobs.
        jobs: how many jobs that is.
    """

    sums: Mapping[CostKey, Sums] = field(default_factory=dict)
    loads: Mapping[tuple[str, str, str], float] = field(default_factory=dict)
    overheads: Mapping[str, Overhead] = field(default_factory=dict)
    prices: Mapping[str, float | None] = field(default_factory=dict)
    drift: Mapping[str, tuple[float, int]] = field(default_factory=dict)
    jobs: int = 0


def together(jobs: Iterable[JobCosts]) -> Costs:
    """Add jobs up; one that is there twice counts once."""
    known = {job.job: job for job in sorted(jobs, key=lambda job: job.started_at)}
    rows: dict[CostKey, list[Sums]] = defaultdict(list)
    loads: dict[tuple[str, str, str], list[LoadRow]] = defaultdict(list)
    kinds: dict[str, list[KindRow]] = defaultdict(list)
    for job in known.values():
        for row in job.rows:
            rows[row.key].append(row.sums)
        for load in job.loads:
            loads[load.model, load.revision, load.gpu].append(load)
        for kind in job.kinds:
            kinds[kind.gpu].append(kind)
    sums = {key: _sum(parts) for key, parts in rows.items()}
    return Costs(
        sums=sums,
        loads={key: _mean_load(parts) for key, parts in loads.items()},
        overheads={gpu: _overhead(parts) for gpu, parts in kinds.items()},
        prices={gpu: parts[-1].price_per_hour for gpu, parts in kinds.items()},
        drift=_drift(rows, sums),
        jobs=len(known),
    )


def _sum(parts: Iterable[Sums]) -> Sums:
    first, *rest = parts
    for each in rest:
        first = first + each
    return first


def _mean_load(parts: Iterable[LoadRow]) -> float:
    found = list(parts)
    return math.fsum(each.seconds for each in found) / sum(each.loads for each in found)


def _overhead(parts: Iterable[KindRow]) -> Overhead:
    found = list(parts)
    busy, batches, gaps = (math.fsum(getattr(row, name) for row in found) for name in ("busy_s", "batch_s", "gap_s"))
    if busy <= 0 or batches <= 0:
        return Overhead()
    return Overhead(busy=max(1.0, busy / batches), wall=1 + gaps / busy)


def _drift(rows: Mapping[CostKey, list[Sums]], sums: Mapping[CostKey, Sums]) -> dict[str, tuple[float, int]]:
    """How far each job's mean lies from the line of all jobs, by kind of worker."""
    squares: dict[str, list[float]] = defaultdict(list)
    degrees: dict[str, int] = defaultdict(int)
    for key, parts in rows.items():
        line = sums[key].line()
        if line is None or len(parts) == 1:
            continue
        expected = [line.seconds(each.x / each.n) for each in parts]
        squares[key.gpu].extend((each.y / each.n / s - 1) ** 2 for each, s in zip(parts, expected, strict=True) if s)
        degrees[key.gpu] += len(parts) - 1
    return {gpu: (math.sqrt(math.fsum(found) / degrees[gpu]), degrees[gpu]) for gpu, found in squares.items()}
