"""What a job will take: seconds, money and how surely, from what earlier jobs measured; pure, and never a guess."""

import heapq
import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from farm.economics.cost import usd
from farm.economics.costs import CostKey, Costs, Overhead
from farm.economics.fit import CONFIDENCE
from farm.economics.student import t_quantile
from farm.economics.sums import Line
from farm.economics.work import Calls, Setting, Work

#: Ranges that are dealt out one by one to see when the last worker ends; of more, the end is told from their sum.
_DEALT = 20_000

#: How much jobs usually differ from each other on one machine, relative, and how many jobs' word that is worth.
_USUAL, _BEFOREHAND = 0.03, 4


@dataclass(frozen=True, slots=True)
class Kind:
    """Workers that are alike.

    Args:
        gpu: the device's name.
        price_per_hour: currency units; None where nobody set one.
        workers: how many there are; 0 for a kind that is only known from earlier jobs.
        loaded: queue -> how many of them hold its pipeline.
    """

    gpu: str
    price_per_hour: float | None
    workers: int
    loaded: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class GroupQuote:
    """What the pictures of one setting take on one kind of worker; loads are not in it."""

    model: str
    scheduler: str
    size: str
    steps: int
    effective_steps: int
    gpu: str
    images: int
    seconds: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Option:
    """What so many workers of one kind make of the job: GPU seconds, money, and how long it takes them."""

    gpu: str
    workers: int
    seconds: float
    usd: float | None
    wall_s: float
    #: Bounds of the 95 % interval of `wall_s`.
    wall_low: float
    wall_high: float


@dataclass(frozen=True, slots=True)
class Quote:
    """What the workers at hand make of a job; without any, one worker of the first kind that is known.

    Args:
        seconds: of GPU time, loads included.
        usd: what they cost; None where a worker has no price.
        low: lower bound of the 95 % interval of `seconds`; `high` the upper.
        wall_s: until the last picture.
        options: 1, 2, 4, … workers of each kind.
        groups: per setting and kind.
        notes: what the reader must know, as sentences.
        jobs: how many jobs it comes from.
    """

    seconds: float
    usd: float | None
    low: float
    high: float
    wall_s: float
    options: tuple[Option, ...]
    groups: tuple[GroupQuote, ...]
    notes: tuple[str, ...]
    jobs: int

    def to_json(self) -> dict[str, float | None]:
        """``quote`` of ``farm plan --json``."""
        return {"seconds": self.seconds, "usd": self.usd, "low": self.low, "high": self.high}


@dataclass(frozen=True, slots=True)
class Unknown:
    """No quote, and why, as sentences."""

    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Estimate:
    """A whole job on one kind of worker."""

    kind: Kind
    overhead: Overhead
    #: Seconds of each call, overhead included.
    calls: Mapping[Calls, float]
    seconds: float
    half: float
    #: Queue -> seconds of a load.
    loads: Mapping[str, float]

    @property
    def share(self) -> float:
        """Half of the interval as a share of the seconds."""
        return self.half / self.seconds if self.seconds else 0.0

    def load_s(self, workers: int) -> float:
        """Seconds of the loads of so many of its workers; one that holds the pipeline loads nothing."""
        return math.fsum(
            seconds * max(0, workers - self.kind.loaded.get(queue, 0)) for queue, seconds in self.loads.items()
        )


def quote(work: Work, costs: Costs, kinds: Sequence[Kind]) -> Quote | Unknown:
    """Quote a job.

    Args:
        work: the job in ranges.
        costs: what earlier jobs measured.
        kinds: the workers at hand; kinds without workers are only shown.
    """
    found = [_estimate(work, costs, kind) for kind in kinds]
    estimates = [each for each in found if isinstance(each, _Estimate)]
    reasons = tuple(dict.fromkeys(why for each in found if isinstance(each, Unknown) for why in each.reasons))
    live = [each for each in estimates if each.kind.workers]
    if not estimates or any(
        isinstance(each, Unknown) and kind.workers for each, kind in zip(found, kinds, strict=True)
    ):
        return Unknown(reasons or ("No worker is alive, and no job of this farm has been measured yet.",))
    team = [(each, each.kind.workers) for each in live] or [(estimates[0], 1)]
    notes = () if live else ("No worker is alive: this is what the kinds of earlier jobs would take.",)
    return _together(work, costs, team, estimates, (*notes, *_extended(work, costs, estimates), *reasons))


def _together(
    work: Work,
    costs: Costs,
    team: Sequence[tuple[_Estimate, int]],
    estimates: Sequence[_Estimate],
    notes: tuple[str, ...],
) -> Quote:
    """The workers share the job by their speed: each works as long as the others."""
    speed = math.fsum(count / each.seconds for each, count in team if each.seconds > 0)
    shares = [count / each.seconds / speed if each.seconds > 0 else 0.0 for each, count in team]
    parts = [each.seconds * share + each.load_s(count) for (each, count), share in zip(team, shares, strict=True)]
    half = math.fsum(each.half * share for (each, _), share in zip(team, shares, strict=True))
    prices = [usd(part, each.kind.price_per_hour) for (each, _), part in zip(team, parts, strict=True)]
    wall = [
        each.seconds * share * each.overhead.wall / count for (each, count), share in zip(team, shares, strict=True)
    ]
    return Quote(
        seconds=math.fsum(parts),
        usd=None if any(price is None for price in prices) else math.fsum(price or 0.0 for price in prices),
        low=max(0.0, math.fsum(parts) - half),
        high=math.fsum(parts) + half,
        wall_s=max(wall) if len(team) > 1 else _wall(work, *team[0]),
        options=tuple(option for each in estimates for option in _options(work, each)),
        groups=tuple(group for each in estimates for group in _groups(each, work)),
        notes=notes,
        jobs=costs.jobs,
    )


def _options(work: Work, estimate: _Estimate) -> Iterator[Option]:
    for workers in counts(estimate.kind.workers or 8):
        seconds = estimate.seconds + estimate.load_s(workers)
        wall = _wall(work, estimate, workers)
        cost = usd(seconds, estimate.kind.price_per_hour)
        low, high = max(0.0, wall * (1 - estimate.share)), wall * (1 + estimate.share)
        yield Option(estimate.kind.gpu, workers, seconds, cost, wall, low, high)


def counts(most: int) -> list[int]:
    """1, 2, 4, … and the most itself."""
    found = [1]
    while found[-1] * 2 <= most:
        found.append(found[-1] * 2)
    return found if found[-1] == most else [*found, most]


def _wall(work: Work, estimate: _Estimate, workers: int) -> float:
    """Seconds until the last of so many workers ends: ranges are dealt out in turn, and a range is never shared."""
    lengths = (
        (math.fsum(estimate.calls[call] * count for call, count in content), times)
        for content, times in work.ranges.items()
    )
    load = estimate.load_s(workers) / workers
    return (load + last_end(lengths, workers)) * estimate.overhead.wall


def last_end(lengths: Iterable[tuple[float, int]], workers: int) -> float:
    """When the last worker ends, if each takes the next range as soon as it is free.

    Args:
        lengths: seconds of a range, and how many such ranges there are.
        workers: how many.
    """
    known = [(seconds, times) for seconds, times in lengths if times]
    if not known:
        return 0.0
    total = math.fsum(seconds * times for seconds, times in known)
    if sum(times for _, times in known) > _DEALT:
        return total / workers + max(seconds for seconds, _ in known) * (1 - 1 / workers)
    free = [0.0] * workers
    for seconds, times in known:
        for _ in range(times):
            heapq.heapreplace(free, free[0] + seconds)
    return max(free)


@dataclass(slots=True)
class _Prices:
    """The calls of a job on one kind of worker, without what the worker spends beyond them."""

    #: Call -> seconds.
    calls: dict[Calls, float] = field(default_factory=dict)
    #: Cost model -> its line, the batches that it tells, and their effective steps.
    told: dict[CostKey, tuple[Line, float, float]] = field(default_factory=dict)
    #: Half the width between what small batches take at least and at most.
    bound: float = 0.0

    def tell(self, call: Calls, count: int, key: CostKey, line: Line) -> None:
        """Price calls by their own cost model."""
        setting, size = call
        self.calls[call] = size * line.seconds(setting.effective_steps)
        _, batches, steps = self.told.get(key, (line, 0.0, 0.0))
        self.told[key] = (line, batches + count, steps + count * setting.effective_steps)

    def enclose(self, call: Calls, count: int, full: int, line: Line) -> None:
        """Price calls that nobody measured between their share of a full batch and all of it."""
        setting, size = call
        low, high = (images * line.seconds(setting.effective_steps) for images in (size, full))
        self.calls[call] = (low + high) / 2
        self.bound += count * (high - low) / 2

    def half(self, seconds: float, drift: float) -> float:
        """Half of the 95 % interval of all calls, which take so many seconds."""
        reaches = [key.batch_size * line.reach(batches, steps) for key, (line, batches, steps) in self.told.items()]
        return self.bound + math.hypot(*reaches, drift * seconds)


def _prices(work: Work, costs: Costs, gpu: str) -> _Prices | Unknown:
    """Price every call, or say what is not known."""
    calls, found, reasons = work.calls(), _Prices(), dict[str, None]()
    for call, count in sorted(calls.items(), key=lambda each: -each[0][1]):
        setting, size = call
        told = _line(costs, gpu, setting, size)
        if not isinstance(told, str):
            found.tell(call, count, *told)
            continue
        full = _line(costs, gpu, setting, work.batch) if calls[setting, work.batch] else told
        if isinstance(full, str):
            reasons[full] = None
        else:
            found.enclose(call, count, work.batch, full[1])
    return Unknown(tuple(reasons)) if reasons else found


def _estimate(work: Work, costs: Costs, kind: Kind) -> _Estimate | Unknown:
    """The whole job on one kind of worker."""
    prices = _prices(work, costs, kind.gpu)
    if isinstance(prices, Unknown):
        return prices
    calls, overhead = work.calls(), costs.overheads.get(kind.gpu, Overhead())
    seconds = math.fsum(prices.calls[call] * count for call, count in calls.items())
    half = prices.half(seconds, _drift(costs, kind.gpu))
    models = {setting.queue: (setting.model, setting.revision, kind.gpu) for setting, _ in calls}
    return _Estimate(
        kind=kind,
        overhead=overhead,
        calls={call: one * overhead.busy for call, one in prices.calls.items()},
        seconds=seconds * overhead.busy,
        half=half * overhead.busy,
        loads={queue: costs.loads.get(model, 0.0) for queue, model in models.items()},
    )


def _drift(costs: Costs, gpu: str) -> float:
    """Half of the relative interval that jobs of the same settings differ within.

    What is known beforehand counts as `_BEFOREHAND` jobs (a scaled inverse chi-squared prior: Gelman et al., Bayesian
    Data Analysis, 3rd edition, section 2.6), for one or two jobs alone say next to nothing of how jobs differ.
    """
    spread, degrees = costs.drift.get(gpu, (0.0, 0))
    together = degrees + _BEFOREHAND
    deviation = math.sqrt((degrees * spread**2 + _BEFOREHAND * _USUAL**2) / together)
    return t_quantile((1 + CONFIDENCE) / 2, together) * deviation


def _line(costs: Costs, gpu: str, setting: Setting, size: int) -> tuple[CostKey, Line] | str:
    """The cost model of a call; a sentence where there is none."""
    alike = [key for key in costs.sums if _fits(key, setting, gpu)]
    dtypes = sorted({key.dtype for key in alike})
    what = f"{setting.model} at {setting.size} on {gpu}"
    if len(dtypes) > 1:
        return f"{what} was measured in {' and in '.join(dtypes)}: say which with render.dtype."
    keys = [key for key in alike if key.batch_size == size]
    if not keys:
        others = sorted({key.batch_size for key in alike})
        measured = f"was measured in batches of {_listed(others)} only" if others else "was never measured"
        return f"{what} {measured}: nothing is known of batches of {size}."
    line = costs.sums[keys[0]].line()
    if line is None:
        return f"{what} was measured too few times in batches of {size} to tell how surely."
    if not line.answers(setting.effective_steps):
        return f"{what} was measured at {line.sums.fewest} steps only: nothing is known of {setting.effective_steps}."
    return keys[0], line


def _listed(numbers: Sequence[int]) -> str:
    words = [str(number) for number in numbers]
    return " and ".join(filter(None, [", ".join(words[:-1]), words[-1]]))


def _fits(key: CostKey, setting: Setting, gpu: str) -> bool:
    return (
        (key.model, key.revision, key.size, key.gpu) == (setting.model, setting.revision, setting.size, gpu)
        and (key.guided, key.calls_per_step) == (setting.guided, setting.calls_per_step)
        and setting.dtype in ("auto", key.dtype)
    )


def _extended(work: Work, costs: Costs, estimates: Iterable[_Estimate]) -> tuple[str, ...]:
    """What lies outside the measured step counts, and which small batches were only bounded."""
    said: dict[str, None] = {}
    for each in estimates:
        for setting, size in work.calls():
            found = _line(costs, each.kind.gpu, setting, size)
            if isinstance(found, str):
                said[
                    f"Batches of {size} at {setting.size} were not measured: more than their share, less than full."
                ] = None
            elif not found[1].measured(setting.effective_steps):
                sums = found[1].sums
                said[f"{setting.effective_steps} steps lie outside the measured {sums.fewest}-{sums.most}."] = None
    return tuple(said)


def _groups(estimate: _Estimate, work: Work) -> Iterator[GroupQuote]:
    parts: dict[Setting, list[tuple[float, int, int]]] = defaultdict(list)
    for (setting, size), count in work.calls().items():
        parts[setting].append((estimate.calls[setting, size], size, count))
    for setting, found in parts.items():
        seconds = math.fsum(one * count for one, _, count in found)
        half = seconds * estimate.share
        yield GroupQuote(
            model=setting.model,
            scheduler=setting.scheduler,
            size=setting.size,
            steps=setting.steps,
            effective_steps=setting.effective_steps,
            gpu=estimate.kind.gpu,
            images=sum(size * count for _, size, count in found),
            seconds=seconds,
            low=max(0.0, seconds - half),
            high=seconds + half,
        )
