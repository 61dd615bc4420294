"""A renderer that draws nothing: workers of a real farm that only write records, as fast as they are let.

It speaks the whole protocol: roster, heartbeat, assignment, broker, claim, renewal, record, session, commit. What it
leaves out is the pictures, so that a million images take minutes. Seconds are real: a batch took as long as it did.

    FARM_HOME=… python -m tests.bench.renderer --workers 8 --processes 2 --job JOB
"""

import argparse
import base64
import json
import logging
import multiprocessing
import os
import secrets
import signal
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from farm.errors import ServiceError
from farm.ledger.ledger import Ledger
from farm.ledger.values import FailedPart, Lease, Progress, Signal
from farm.plan.plan import Plan
from farm.plan.ranges import WorkRange
from farm.profile.outcome import Outcome
from farm.profile.record import BatchRecord, ImageRecord, WorkerInfo
from farm.profile.seconds import Kind, Session, Span, append
from farm.queue import NO_QUEUE, message_key
from farm.settings import Settings
from farm.store import keys
from farm.store.s3 import S3Store
from farm.store.store import Store
from tests.bench.records import batch_bounds, batch_record, batch_spans, image_record, record
from workers.plans import Plans
from workers.stopwatch import Now, steady

log = logging.getLogger(__name__)

#: Seconds between heartbeats, and most seconds between two writes of a session.
BEAT, WRITE = 1.0, 5.0
#: Spans of one part of a session.
SPANS = 1000
#: Share of a lease after which it is renewed.
RENEW = 0.25


@dataclass(frozen=True)
class Pace:
    """How the renderer behaves.

    Args:
        image_s: seconds that an image takes at least.
        fail_every: every so many positions one fails for good; 0 is never.
    """

    image_s: float = 0.0
    fail_every: int = 0


@dataclass
class Stats:
    """What a renderer did; seconds of all its workers together, from each one's first range to its last."""

    images: int = 0
    ranges: int = 0
    busy_s: float = 0.0
    idle_s: float = 0.0
    #: POSIX seconds of the ledger's clock.
    first_at: float = float("inf")
    last_at: float = 0.0

    @property
    def idle_share(self) -> float:
        """Share of the workers' time in which they waited for a range."""
        return self.idle_s / max(self.idle_s + self.busy_s, 1e-9)

    def add(self, other: "Stats") -> None:
        """Count another one's work in."""
        for name in ("images", "ranges", "busy_s", "idle_s"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.first_at, self.last_at = min(self.first_at, other.first_at), max(self.last_at, other.last_at)

    def to_json(self) -> dict[str, float]:
        """The figures as the command prints them."""
        seconds = max(0.0, self.last_at - self.first_at)
        rate = self.images / seconds if seconds else 0.0
        return vars(self) | {"seconds": seconds, "images_per_s": rate, "idle_share": self.idle_share}


@dataclass
class SessionLog:
    """One worker's own ledger of seconds, in parts, as `workers.session` writes it."""

    store: Store
    worker: WorkerInfo
    reached: float
    part: int = 0
    written_at: float = 0.0
    spans: list[Span] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.started_at = self.reached

    def until(self, now: float, kind: Kind, **about: Any) -> None:
        """Everything since the last span was this."""
        append(self.spans, Span(kind, self.reached, now, **about))
        self.reached = max(self.reached, now)

    def extend(self, spans: Iterator[Span]) -> None:
        """Add spans that follow each other."""
        for span in spans:
            append(self.spans, span)
            self.reached = span.stop

    def write(self, *, now: float, force: bool = False) -> None:
        """Write the part when it is full or old."""
        full = len(self.spans) >= SPANS
        if not (full or force or now - self.written_at >= WRITE):
            return
        session = Session(
            worker=self.worker,
            part=self.part,
            started_at=self.started_at,
            ended_at=self.reached,
            spans=tuple(self.spans),
            upload_s={},
        )
        name = f"{self.worker.session}-{self.part:04}"
        self.store.put(keys.session(self.worker.id, name), session.to_json(), content_type="application/json")
        self.written_at = now
        if full:
            self.part, self.started_at = self.part + 1, self.reached
            self.spans.clear()


@dataclass
class Made:
    """What came of a lease so far."""

    began: float
    batches: list[BatchRecord] = field(default_factory=list)
    images: list[ImageRecord] = field(default_factory=list)
    stopped: bool = False


class Worker:
    """One worker, in a thread of its own."""

    def __init__(self, ledger: Ledger, store: Store, *, name: str, prefix: str, pace: Pace, now: Now) -> None:  # noqa: PLR0913 by name
        self.ledger, self.store, self.prefix, self.pace, self.now = ledger, store, prefix, pace, now
        self.info = WorkerInfo(
            id=name,
            session=f"{int(now() * 1000)}x{secrets.token_hex(2)}",
            host="bench",
            device="cpu",
            gpu="Fake GPU",
            vram_gb=None,
            price_per_hour=3.6,
        )
        self.queue: str | None = None
        self.stats = Stats()
        self._plans = Plans(store)
        self._session = SessionLog(store, self.info, reached=now())

    def enter(self) -> None:
        """Onto the roster."""
        self.ledger.register(self.info.id, self.info.model_dump(exclude={"id"}))

    def beat(self) -> None:
        """Say that it lives; hear which queue to serve."""
        wanted = self.ledger.beat(self.info.id, {"queue": self.queue or ""})
        self.queue = None if wanted == NO_QUEUE else wanted

    def run(self, stop: threading.Event) -> None:
        """Render what comes until told to stop."""
        while not stop.is_set():
            try:
                rng = self._next()
                if rng is not None:
                    self._serve(rng)
            except ServiceError as error:
                log.warning("%s: %s", self.info.id, error)
                stop.wait(0.5)
        self._session.until(self.now(), Kind.IDLE)
        self._session.write(now=self.now(), force=True)
        self.ledger.leave(self.info.id)

    def _next(self) -> WorkRange | None:
        """The next message of its queue; None when there was none for a moment."""
        if self.queue is None:
            time.sleep(0.02)
            return None
        from redis.exceptions import RedisError

        try:
            found: Any = self.ledger.redis.brpop([message_key(self.prefix, self.queue)], timeout=0.5)
        except RedisError as error:
            raise ServiceError(f"Redis does not answer: {error}") from error
        if found is None:
            return None
        arguments, *_ = json.loads(base64.b64decode(json.loads(found[1])["body"]))
        return WorkRange(*arguments)

    def _serve(self, rng: WorkRange) -> None:
        taken = self.now()
        lease = self.ledger.claim(rng, worker=self.info.id)
        if not isinstance(lease, Lease):
            return
        if self.stats.ranges:
            self.stats.idle_s += taken - self._session.reached
        self._session.until(taken, Kind.IDLE)
        self.stats.first_at = min(self.stats.first_at, taken)
        plan = self._plans.get(rng.job_id)
        self._session.until(self.now(), Kind.LOAD, job=rng.job_id, token=str(lease.token))
        made = self._render(plan, lease)
        self._close(lease, made)
        ended = self.now()
        self._session.until(ended, Kind.BLOCKED, job=rng.job_id, token=str(lease.token))
        self._session.write(now=ended)
        self.stats.ranges += 1
        self.stats.busy_s += ended - taken
        self.stats.last_at = ended

    def _render(self, plan: Plan, lease: Lease) -> Made:
        made = Made(began=self._session.reached)
        renewed = made.began
        for start, stop in batch_bounds(plan, lease.range.start, lease.range.stop):
            began = self._session.reached
            made.images += [image_record(plan, position, first=start) for position in range(start, stop)]
            time.sleep(max(0.0, (stop - start) * self.pace.image_s - (self.now() - began)))
            batch = batch_record(plan, start, stop, began=began, ended=self.now())
            made.batches.append(batch)
            self._session.extend(batch_spans(batch, token=str(lease.token), job=lease.range.job_id))
            if self.now() - renewed > RENEW * lease.seconds:
                renewed = self.now()
                progress = Progress(ticks=len(made.batches), doing="rendering", busy_s=renewed - made.began)
                if self.ledger.renew(lease, worker=self.info.id, progress=progress) is not Signal.CONTINUE:
                    made.stopped = True
                    break
        return made

    def _close(self, lease: Lease, made: Made) -> None:
        """Records first, then the commit of each rendered part, then what failed or was not done."""
        parts = list(self._parts(lease, made))
        seconds = {part[:2]: self._write(lease, made, *part) for part in parts}
        for start, stop, outcome in parts:
            if outcome is Outcome.RENDERED:
                price = self.info.price_per_hour
                new = self.ledger.commit(lease, start, stop, seconds=seconds[start, stop], price=price)
                self.stats.images += len(new)
        failed = [
            FailedPart(start, stop, "The picture is black.", certain=True)
            for start, stop, outcome in parts
            if outcome is Outcome.FAILED
        ]
        if failed:
            self.ledger.fail(lease, failed=failed, worker=self.info.id)
        elif made.stopped:
            self.ledger.give_back(lease)

    def _parts(self, lease: Lease, made: Made) -> Iterator[tuple[int, int, Outcome]]:
        """Runs of one outcome: rendered, failed, and what was not reached."""
        at, every = lease.range.start, self.pace.fail_every
        reached = made.batches[-1].stop if made.batches else at
        for position in range(-(-at // every) * every, reached, every) if every else ():
            if at < position:
                yield at, position, Outcome.RENDERED
            yield position, position + 1, Outcome.FAILED
            at = position + 1
        if at < reached:
            yield at, reached, Outcome.RENDERED
        if reached < lease.range.stop:
            yield reached, lease.range.stop, Outcome.CANCELLED

    def _write(self, lease: Lease, made: Made, start: int, stop: int, outcome: Outcome) -> float:
        """Write one record; the seconds it is charged."""
        mine = [
            batch.model_copy(update={"start": max(batch.start, start), "stop": min(batch.stop, stop)})
            for batch in made.batches
            if batch.start < stop and start < batch.stop
        ]
        share = sum(
            (one.encode_prompt_s + one.denoise_s + one.decode_s + one.post_s) * (one.stop - one.start) / one.batch_size
            for one in mine
        )
        first, rendered = lease.range.start, outcome is Outcome.RENDERED
        found = record(
            lease,
            self.info,
            start=start,
            stop=stop,
            outcome=outcome,
            batches=mine if rendered else [],
            images=made.images[start - first : stop - first] if rendered else [],
            began=made.began,
            ended=self.now(),
            busy=share,
        )
        key = keys.record(WorkRange(lease.range.job_id, start, stop), lease.token, outcome)
        self.store.put(key, found.model_dump_json().encode(), content_type="application/json")
        return share


def render(
    settings: Settings, names: Sequence[str], *, stop: threading.Event, job: str | None = None, pace: Pace | None = None
) -> Stats:
    """Be these workers until told to stop, or until every image of a job is accounted for."""
    ledger, store = Ledger.connect(settings), S3Store.from_settings(settings)
    now, chosen = steady(ledger.now), pace or Pace()
    workers = [Worker(ledger, store, name=name, prefix=settings.prefix, pace=chosen, now=now) for name in names]
    for worker in workers:
        worker.enter()
    with ThreadPoolExecutor(len(workers), thread_name_prefix="renderer") as pool:
        running = [pool.submit(worker.run, stop) for worker in workers]
        try:
            while not stop.is_set() and not any(each.done() for each in running):
                _beat(ledger, workers, stop, job)
                stop.wait(BEAT)
        finally:
            stop.set()
        for each in running:
            each.result()
    ledger.redis.close()
    total = Stats()
    for worker in workers:
        total.add(worker.stats)
    return total


def _beat(ledger: Ledger, workers: Sequence[Worker], stop: threading.Event, job: str | None) -> None:
    try:
        for worker in workers:
            worker.beat()
        status = ledger.status(job) if job else None
    except ServiceError as error:
        log.warning("No heartbeat: %s", error)
        return
    if status is not None and (status.state.over or status.done + status.failed >= status.images):
        stop.set()


def _process(names: Sequence[str], job: str | None, pace: Pace) -> Stats:
    """A process of several workers; SIGTERM ends it, and so does its parent's end."""
    stop, parent = threading.Event(), os.getppid()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    signal.signal(signal.SIGINT, signal.SIG_IGN)

    def watch() -> None:
        """Stop when the parent is gone."""
        while not stop.wait(1):
            if os.getppid() != parent:
                stop.set()

    threading.Thread(target=watch, daemon=True).start()
    return render(Settings.load(), names, stop=stop, job=job, pace=pace)


def main() -> None:
    """Read the command line, run, print the figures as one line of JSON."""
    parser = argparse.ArgumentParser(description="Workers that write records and draw nothing.")
    parser.add_argument("--workers", type=int, default=8, help="workers in all")
    parser.add_argument("--processes", type=int, default=2, help="processes that share them")
    parser.add_argument("--job", help="end when every image of this job is accounted for")
    parser.add_argument("--image-seconds", type=float, default=0.0, help="seconds an image takes at least")
    parser.add_argument("--fail-every", type=int, default=0, metavar="N", help="every Nth position fails")
    given = parser.parse_args()
    logging.basicConfig(level=logging.WARNING)
    names = [f"fake-{number}" for number in range(given.workers)]
    shares = [names[number :: given.processes] for number in range(given.processes)]
    pace = Pace(image_s=given.image_seconds, fail_every=given.fail_every)
    total = Stats()
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(given.processes, mp_context=context) as pool:
        for found in [pool.submit(_process, share, given.job, pace) for share in shares if share]:
            total.add(found.result())
    print(json.dumps(total.to_json()))


if __name__ == "__main__":
    main()
