"""Which queue each worker serves: keep what is loaded while it has work, else load what has most waiting.

Pure: a function of the workers that are alive and of what waits.
"""

import math
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from farm.ledger.values import WorkerStatus

#: Seconds in which another worker may come, after the last one said that it cannot load a pipeline.
HOPE = 20.0


@dataclass(frozen=True, slots=True)
class Demand:
    """What waits on one queue."""

    queue: str
    #: Images that nobody has claimed.
    waiting: int
    #: Ranges those images make: more workers than this would find nothing to do.
    ranges: int
    #: The highest priority among the jobs that wait.
    priority: int = 50
    #: The most GPU memory that one of the jobs asks for.
    min_vram_gb: float | None = None
    #: When the last of the jobs was submitted: a worker that could not load the pipeline before is tried again.
    submitted_at: float = 0.0


@dataclass(frozen=True, slots=True)
class Seat:
    """A worker as the assignment sees it."""

    worker: str
    #: The queue it serves now.
    queue: str | None = None
    loaded: Collection[str] = ()
    #: None while it has not said so: it gets no job that asks for some.
    vram_gb: float | None = None
    #: Queue -> why its pipeline cannot be loaded, and when that was seen.
    unfit: Mapping[str, str] = field(default_factory=dict)
    unfit_at: Mapping[str, float] = field(default_factory=dict)

    @classmethod
    def of(cls, worker: WorkerStatus, queue: str | None) -> "Seat":
        """A worker of the roster, told to serve `queue`."""
        memory = 0.0 if worker.device == "cpu" else worker.vram_gb
        return cls(worker.id, queue or worker.queue, worker.loaded, memory, worker.unfit, worker.unfit_at)

    def big_enough(self, min_vram_gb: float | None) -> bool:
        """Whether its GPU memory suffices."""
        return min_vram_gb is None or (self.vram_gb is not None and self.vram_gb >= min_vram_gb)

    def fits(self, demand: Demand) -> bool:
        """Whether it can serve a queue."""
        return not self.refuses(demand) and self.big_enough(demand.min_vram_gb)

    def refuses(self, demand: Demand) -> bool:
        """Whether it could not load the queue's pipeline when it was asked to since the submission."""
        return demand.queue in self.unfit and self.unfit_at.get(demand.queue, math.inf) >= demand.submitted_at


def assign(seats: Sequence[Seat], demands: Sequence[Demand]) -> dict[str, str]:
    """Worker -> queue. A worker that nothing waits for keeps its queue, and with it what it has loaded.

    Higher priority takes workers from lower, as many as have ranges to render. Among equals a worker stays where it
    has work; a queue nobody serves takes one from a queue that several serve; and free workers go to what they have
    loaded, else where most waits per worker.
    """
    wanted = sorted(
        (each for each in demands if each.waiting > 0), key=lambda each: (-each.priority, -each.waiting, each.queue)
    )
    table = _Table(sorted(seats, key=lambda seat: seat.worker), wanted)
    while table.improve():
        pass
    return table.settled()


class _Table:
    """An assignment in the making: every worker keeps its queue until it is given another."""

    def __init__(self, seats: Sequence[Seat], wanted: Sequence[Demand]) -> None:
        self.seats = seats
        self.wanted = {each.queue: each for each in wanted}
        self.at = {seat.worker: seat.queue for seat in seats if self._works(seat)}

    def _works(self, seat: Seat) -> bool:
        demand = self.wanted.get(seat.queue or "")
        return demand is not None and seat.fits(demand)

    def serving(self) -> Counter[str | None]:
        """Workers per queue so far."""
        return Counter(self.at.values())

    def improve(self) -> bool:
        """Move one worker, by the first rule that finds one; False when none does.

        It ends: every move fills a seat, raises a seat's priority, or serves one more queue at the same priorities.
        """
        demands = self.wanted.values()
        return (
            any(self._fill_first(demand) for demand in demands)
            or self._fill_most_waiting()
            or any(self._outrank(demand) for demand in demands)
        )

    def _fill_first(self, demand: Demand) -> bool:
        """Give a queue that nobody serves its first worker: a free one, or one of several on another queue."""
        if self.serving()[demand.queue]:
            return False
        return self._take(demand, [seat for seat in self.seats if self._spare(seat, demand)])

    def _outrank(self, demand: Demand) -> bool:
        """Take one worker from lower priority while there are ranges for it; False when there is none to take."""
        if self.serving()[demand.queue] >= demand.ranges:
            return False
        lower = [seat for seat in self.seats if self._priority(seat) < demand.priority and seat.worker in self.at]
        return self._take(demand, lower)

    def _spare(self, seat: Seat, demand: Demand) -> bool:
        queue = self.at.get(seat.worker)
        if queue is None:
            return True
        return self._priority(seat) == demand.priority and self.serving()[queue] > 1

    def _priority(self, seat: Seat) -> int:
        """Priority of what a worker serves so far; below everything for a free one."""
        queue = self.at.get(seat.worker)
        return self.wanted[queue].priority if queue else -1

    def _take(self, demand: Demand, seats: Sequence[Seat]) -> bool:
        able = [seat for seat in seats if seat.fits(demand)]
        if not able:
            return False
        best = min(able, key=lambda seat: (*self._cost(seat, demand), seat.worker))
        self.at[best.worker] = demand.queue
        return True

    def _cost(self, seat: Seat, demand: Demand) -> tuple[int, bool]:
        """What taking this worker costs: low priority first, then one that has the model loaded."""
        return self._priority(seat), demand.queue not in seat.loaded

    def _fill_most_waiting(self) -> bool:
        """Give one free worker to the queue with most waiting per worker; False when that helps nobody."""
        serving = self.serving()
        pairs = [
            ((demand.priority, demand.queue in seat.loaded, demand.waiting / (serving[demand.queue] + 1)), seat, demand)
            for seat in self.seats
            if seat.worker not in self.at
            for demand in self.wanted.values()
            if seat.fits(demand) and serving[demand.queue] < demand.ranges
        ]
        if not pairs:
            return False
        _, seat, demand = max(pairs, key=lambda pair: pair[0])
        self.at[seat.worker] = demand.queue
        return True

    def settled(self) -> dict[str, str]:
        """The assignment; who has nothing to do stays where it is, unless it cannot serve that queue."""
        found = {seat.worker: self.at.get(seat.worker) or self._rest(seat) for seat in self.seats}
        return {worker: queue for worker, queue in found.items() if queue}

    def _rest(self, seat: Seat) -> str | None:
        wanted = self.wanted.get(seat.queue or "")
        able = seat.fits(wanted) if wanted else seat.queue not in seat.unfit
        return seat.queue if able else None


def ranges(images: int, size: int) -> int:
    """Ranges that so many images make."""
    return math.ceil(images / max(1, size))


def obstacle(seats: Sequence[Seat], demand: Demand) -> str | None:
    """Why no live worker can serve a queue, as a sentence for the job's status; None when one can."""
    if any(seat.fits(demand) for seat in seats):
        return None
    if not seats:
        return "No worker is running: `farm worker` starts one."
    enough = [seat for seat in seats if seat.big_enough(demand.min_vram_gb)]
    if not enough:
        return f"No live worker has the {demand.min_vram_gb:g} GB of GPU memory that this job asks for."
    return enough[0].unfit[demand.queue]


def given_up(seats: Sequence[Seat], demand: Demand, *, now: float) -> str | None:
    """The sentence of the workers, when none of them can load a queue's pipeline; None while there is hope.

    There is none when every worker that may have the memory said so since the submission, and for a while nobody came
    to try.
    """
    asked = [seat for seat in seats if seat.vram_gb is None or seat.big_enough(demand.min_vram_gb)]
    if not asked or not all(seat.refuses(demand) for seat in asked):
        return None
    youngest = max(seat.unfit_at.get(demand.queue, now) for seat in asked)
    return asked[0].unfit[demand.queue] if now - youngest >= HOPE else None
