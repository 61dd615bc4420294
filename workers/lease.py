"""Leases kept alive: one thread renews them all, and leaves what it hears where the GPU thread looks at every step."""

import itertools
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from farm.errors import LedgerError
from farm.ledger.values import Lease, Progress, Signal

log = logging.getLogger(__name__)

#: Seconds between two renewals of a lease.
INTERVAL = 2.0
#: Rounds of renewals between two announcements.
ROUNDS = 5
#: Seconds without progress after which a lease is given up: downloading a model may take long, a step may not.
LOADING_PATIENCE = 3600.0
PATIENCE = 300.0
#: As many times the slowest step seen is still patience, not a hang.
STEPS_OF_PATIENCE = 20

Clock = Callable[[], float]


class StoppedError(Exception):
    """Raised in the GPU thread to leave a batch: the lease is gone, or the job was cancelled.

    Args:
        signal: why.
    """

    def __init__(self, signal: Signal) -> None:
        self.signal = signal
        super().__init__(str(signal))


class Renewer(Protocol):
    """The part of the ledger that a keeper needs."""

    def renew(self, lease: Lease, *, worker: str, progress: Progress) -> Signal:
        """Extend a lease."""


@dataclass(eq=False)
class Held:
    """A lease this worker holds: the GPU and publish threads tell it what moves, the keeper what the ledger says.

    Args:
        lease: the lease.
        proved_at: when the ledger last confirmed it, by `clock`.
        clock: a clock that never runs backwards.
    """

    lease: Lease
    proved_at: float
    clock: Clock
    signal: Signal = Signal.CONTINUE
    doing: str = "loading"
    ticks: int = 0
    step: int = 0
    steps: int = 0
    images: int = 0
    started_at: float = field(init=False)
    busy_s: float | None = None
    slowest: float = 0.0
    #: Whether it waits for the store, and why that refuses; empty where the store is only slow.
    waiting: bool = False
    trouble: str = ""

    def __post_init__(self) -> None:
        self.started_at = self.moved_at = self.clock()

    def tick(self) -> None:
        """Something moved."""
        now = self.clock()
        self.slowest = max(self.slowest, now - self.moved_at)
        self.moved_at = now
        self.ticks += 1

    def waits(self, why: str = "") -> None:
        """Nothing moves, and not because of this range: the store refuses, or has no place yet for its pictures."""
        self.waiting, self.trouble = True, why
        self.tick()

    def goes_on(self) -> None:
        """The store takes and gives again."""
        self.waiting, self.trouble = False, ""
        self.tick()

    def rendering(self, *, steps: int) -> None:
        """A batch of so many steps begins."""
        self.doing, self.step, self.steps = "rendering", 0, steps
        self.moved_at = self.clock()

    def stepped(self, step: int) -> None:
        """A step was run; raises `StoppedError` when it was the last one that this worker may run."""
        self.step = min(step, self.steps)
        self.tick()
        self.check()

    def publishing(self) -> None:
        """The GPU is done with the range."""
        self.doing, self.busy_s = "publishing", self.clock() - self.started_at

    def check(self) -> None:
        """Raise `StoppedError` when the job was cancelled, or the lease is lost or cannot be proved any more."""
        if self.signal in (Signal.CANCEL, Signal.LOST):
            raise StoppedError(self.signal)
        if not self.proved:
            raise StoppedError(Signal.LOST)

    @property
    def proved(self) -> bool:
        """Whether the lease was confirmed less than its own length ago."""
        return self.clock() - self.proved_at < self.lease.seconds

    @property
    def live(self) -> bool:
        """Whether work under this lease can still count."""
        return self.wanted and self.proved

    @property
    def wanted(self) -> bool:
        """Whether nobody has said that its pictures are not wanted: a stored one counts under an old lease too."""
        return self.signal in (Signal.CONTINUE, Signal.DRAIN)

    def progress(self) -> Progress:
        """What the next renewal carries."""
        return Progress(
            ticks=self.ticks,
            doing="waiting" if self.waiting else self.doing,
            trouble=self.trouble,
            step=self.step,
            steps=self.steps,
            images=self.images,
            busy_s=self.clock() - self.started_at if self.busy_s is None else self.busy_s,
            patience_s=self.patience,
        )

    @property
    def patience(self) -> float:
        """Seconds without a tick that are still work."""
        return LOADING_PATIENCE if self.doing == "loading" else max(PATIENCE, STEPS_OF_PATIENCE * self.slowest)

    @property
    def hung(self) -> bool:
        """Whether the GPU thread does not come back from a call, and has lost its lease over it."""
        return not self.live and self.doing != "publishing" and self.clock() - self.moved_at > self.patience


class Keeper:
    """Renews every lease this worker holds.

    Args:
        ledger: what renews.
        worker: this worker's name.
        announce: called every few rounds.
        give_up: called when the GPU thread hangs; ends the process, and the parent starts another.
        interval: seconds between two renewals.
        clock: a clock that never runs backwards.
    """

    def __init__(  # noqa: PLR0913 by name
        self,
        ledger: Renewer,
        *,
        worker: str,
        announce: Callable[[], None] = lambda: None,
        give_up: Callable[[], None] = lambda: None,
        interval: float = INTERVAL,
        clock: Clock = time.monotonic,
    ) -> None:
        self._announce, self._give_up = announce, give_up
        self._ledger, self._worker, self._interval, self._clock = ledger, worker, interval, clock
        self._held: list[Held] = []
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="keeper", daemon=True)

    def start(self) -> None:
        """Begin to renew."""
        self._thread.start()

    def stop(self) -> None:
        """End; leases that are still held run out by themselves."""
        self._stopped.set()
        self._thread.join()

    def hold(self, lease: Lease) -> Held:
        """Keep a lease that was just granted."""
        held = Held(lease=lease, proved_at=self._clock(), clock=self._clock)
        with self._lock:
            self._held.append(held)
        return held

    def release(self, held: Held) -> None:
        """Keep a lease no longer."""
        with self._lock:
            if held in self._held:
                self._held.remove(held)

    @property
    def busy(self) -> bool:
        """Whether any lease is held."""
        with self._lock:
            return bool(self._held)

    def renew_all(self) -> None:
        """Renew every lease once; a ledger that does not answer leaves them as they are."""
        with self._lock:
            hung = [held for held in self._held if held.hung]
            leases = [held for held in self._held if held.signal is not Signal.LOST]
        if hung:
            log.critical("The device does not come back from %s: this process ends", hung[0].lease.range)
            self._give_up()
        for held in leases:
            asked_at = self._clock()
            try:
                signal = self._ledger.renew(held.lease, worker=self._worker, progress=held.progress())
            except LedgerError as error:
                log.warning("Cannot renew %s: %s", held.lease.range, error)
                return
            if signal is not Signal.LOST:
                held.proved_at = asked_at
            if held.signal is not signal and held.signal is not Signal.CANCEL:
                log.info("%s: %s", held.lease.range, signal, extra={"action": "lease_signal", "signal": str(signal)})
                held.signal = signal

    def _run(self) -> None:
        for number in itertools.count():
            if number % ROUNDS == 0:
                self._announce()
            if self._stopped.wait(self._interval):
                return
            self.renew_all()
