"""Pictures to the store, then their record, then the ledger: in threads, while the GPU renders the next range."""

import hashlib
import logging
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol, TypeVar

from farm.errors import LedgerError, StoreError
from farm.ledger.values import FailedPart, Lease, Signal
from farm.plan.ranges import WorkRange
from farm.profile.outcome import Outcome
from farm.profile.record import ImageRecord, Record, WorkerInfo
from farm.store import keys
from farm.store.store import Store
from workers.attempt import Attempt, Part, Picture, parts, record
from workers.batch import Failure
from workers.encode import CONTENT_TYPES, encode
from workers.parameters import parameters, resolved
from workers.session import SessionLog

log = logging.getLogger(__name__)

#: Threads that encode and upload.
THREADS = 4
#: Ranges that may wait in memory for their upload; the GPU waits when there is one more.
DEPTH = 2
#: Seconds between tries when a service is away: doubled from the first to the last.
FIRST_DELAY, LAST_DELAY = 0.5, 8.0
#: Seconds after which a commit that Redis does not take is left to the rebuild: the record is in the store. Longer than
#: a night: what is not committed is rendered again.
COMMIT_PATIENCE = 12 * 3600.0
#: Seconds that a worker that is to end goes on trying to store a picture, and then to record that it could not: both
#: together are less than it has to end.
DRAIN_PATIENCE = 8.0

Sleep = Callable[[float], object]
T = TypeVar("T")


class Closer(Protocol):
    """The part of the ledger that ends attempts."""

    def commit(self, lease: Lease, start: int, stop: int, *, seconds: float, price: float | None) -> list[int]:
        """Set the bits of stored pictures."""

    def give_back(self, lease: Lease, *, seconds: float = 0.0, price: float | None = None) -> None:
        """Return what is left without a strike."""

    def fail(
        self, lease: Lease, *, failed: Sequence[FailedPart], worker: str, seconds: float, price: float | None
    ) -> list[int]:
        """Report sub-ranges that failed."""


class Publisher:
    """Encodes, uploads, records and commits.

    Args:
        store: where pictures and records go.
        ledger: where attempts are closed.
        worker: who rendered.
        session: hears of upload seconds, and is written before every commit.
        depth: ranges that may wait.
        sleep: waits between tries.
        now: wall clock, POSIX seconds.
    """

    def __init__(  # noqa: PLR0913 by name
        self,
        store: Store,
        ledger: Closer,
        *,
        worker: WorkerInfo,
        session: SessionLog,
        depth: int = DEPTH,
        sleep: Sleep = time.sleep,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._store, self._ledger, self._worker, self._session = store, ledger, worker, session
        self._sleep, self._now = sleep, now
        self._slots = threading.Semaphore(depth)
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="publish")

    def enter(self, *, wait: float) -> bool:
        """Take a place for a range's pictures; False when there is none within so many seconds."""
        return self._slots.acquire(timeout=wait)

    def leave(self) -> None:
        """Give the place up."""
        self._slots.release()

    def add(self, attempt: Attempt, picture: Picture) -> None:
        """Encode and upload a picture soon."""
        attempt.uploads[picture.position] = self._pool.submit(self._publish, attempt, picture)

    def finish(self, attempt: Attempt, done: Callable[[], None]) -> None:
        """Record and close an attempt once its pictures are in the store; then call `done`."""
        self._pool.submit(self._finish, attempt, done)

    def stop(self) -> None:
        """Return when everything is published."""
        self._pool.shutdown(wait=True)

    def _publish(self, attempt: Attempt, picture: Picture) -> ImageRecord | Failure | None:
        """One picture; None when it could not be stored while the lease was alive."""
        begin = time.perf_counter()
        try:
            data = encoded(attempt, picture)
            encoded_at = time.perf_counter()
            made = image_record(attempt, picture, data)
        except Exception as error:  # the worker's edge: whatever an encoder raises is recorded
            log.exception("Cannot encode position %d", picture.position)
            message = f"The picture cannot be written as {attempt.plan.output.format}: {error}"
            return Failure(picture.position, picture.position + 1, type(error).__name__, message)
        if not self._put(attempt, keys.image(attempt.plan.job_id, made.name), data, sha256=made.sha256):
            return None
        ended_at = time.perf_counter()
        self._session.uploaded(attempt.plan.job_id, ended_at - begin)
        return made.model_copy(update={"encode_s": encoded_at - begin, "upload_s": ended_at - encoded_at})

    def _put(self, attempt: Attempt, key: str, data: bytes, *, sha256: str | None = None) -> bool:
        """Write an object, however long the store is away, while it is wanted; False when it was not written.

        Redis may be away too, as when both have no room left: the picture outlives a lease that cannot be renewed.
        """
        kind = attempt.plan.output.format if sha256 else "json"
        held, delay, left = attempt.held, FIRST_DELAY, DRAIN_PATIENCE
        while True:
            try:
                self._store.put(
                    key,
                    data,
                    content_type=CONTENT_TYPES.get(kind, "application/json"),
                    metadata={"sha256": sha256} if sha256 else None,
                )
            except StoreError as error:
                log.warning("Cannot write %s: %s", key, error)
                if not held.wanted or left <= 0:
                    return False
                held.waits(f"Worker {self._worker.id} waits to store what it has rendered. {error}")
                if held.signal is Signal.DRAIN:
                    delay = min(delay, 1.0)
                    left -= delay
                self._sleep(delay)
                delay = min(delay * 2, LAST_DELAY)
            else:
                held.goes_on()
                return True

    def _finish(self, attempt: Attempt, done: Callable[[], None]) -> None:
        try:
            self._close(attempt)
        except Exception:  # the worker's edge: a publish thread has nobody to raise to
            log.exception("Cannot close %s: its lease runs out", attempt.held.lease.range)
        finally:
            done()

    def _close(self, attempt: Attempt) -> None:
        rng = attempt.held.lease.range
        images, failures = attempt.results()
        found = parts(rng.start, rng.stop, images=list(images), failures=failures, rest=attempt.rest())
        records = [
            record(attempt, part, images=images, worker=self._worker, first=part is found[0], now=self._now())
            for part in found
        ]
        written = [self._write(attempt, part, one) for part, one in zip(found, records, strict=True)]
        self._session.write()
        seconds = 0.0
        for part, one, is_written in zip(found, records, written, strict=True):
            if part.outcome is Outcome.RENDERED and is_written:
                self._commit(attempt, part, one.busy_s)
            else:
                seconds += one.busy_s
        if not all(part.outcome is Outcome.RENDERED and ok for part, ok in zip(found, written, strict=True)):
            self._end(attempt, found, seconds)

    def _write(self, attempt: Attempt, part: Part, one: Record) -> bool:
        """Write a record; what cost nothing and went back has none."""
        if part.outcome in (Outcome.RETURNED, Outcome.CANCELLED) and one.busy_s <= 0:
            return True
        lease = attempt.held.lease
        name = keys.record(WorkRange(lease.range.job_id, part.start, part.stop), lease.token, part.outcome)
        return self._put(attempt, name, one.model_dump_json().encode())

    def _commit(self, attempt: Attempt, part: Part, seconds: float) -> None:
        lease, price = attempt.held.lease, self._worker.price_per_hour
        new = self._insist(lambda: self._ledger.commit(lease, part.start, part.stop, seconds=seconds, price=price))
        log.info(
            "Committed %s[%d:%d]", lease.range.job_id, part.start, part.stop,
            extra={"action": "range_committed", "new": len(new or []), "seconds": seconds},
        )  # fmt: skip

    def _end(self, attempt: Attempt, found: Sequence[Part], seconds: float) -> None:
        """The one closing call of an attempt that left something over."""
        lease, price = attempt.held.lease, self._worker.price_per_hour
        failed = [
            FailedPart(part.start, part.stop, part.error.message, part.certain)
            for part in found
            if part.error is not None
        ]
        if failed:
            worker = self._worker.id
            self._insist(lambda: self._ledger.fail(lease, failed=failed, worker=worker, seconds=seconds, price=price))
        else:
            self._insist(lambda: self._ledger.give_back(lease, seconds=seconds, price=price))

    def _insist(self, call: Callable[[], T]) -> T | None:
        """Call the ledger until it answers, for as long as that makes sense."""
        delay, waited = FIRST_DELAY, 0.0
        while True:
            try:
                return call()
            except LedgerError as error:
                log.warning("The ledger does not answer: %s", error)
                if waited >= COMMIT_PATIENCE:
                    return None
                self._sleep(delay)
                waited += delay
                delay = min(delay * 2, LAST_DELAY)


def encoded(attempt: Attempt, picture: Picture) -> bytes:
    """The picture's file."""
    output = attempt.plan.output
    texts = (
        {
            "parameters": parameters(picture.task, picture.origin),
            "stepfarm": resolved(picture.task, picture.origin),
        }
        if output.prompt_metadata
        else {}
    )
    return encode(picture.pixels, kind=output.format, quality=output.quality, texts=texts)


def image_record(attempt: Attempt, picture: Picture, data: bytes) -> ImageRecord:
    """What is recorded of a picture; how long it took is filled in later."""
    task = picture.task
    return ImageRecord(
        position=picture.position,
        index=task.index,
        task_id=task.task_id,
        custom_id=task.custom_id,
        name=attempt.plan.image_name(task),
        seed=task.seed,
        sha256=hashlib.sha256(data).hexdigest(),
        bytes=len(data),
        width=task.width,
        height=task.height,
        batch_position=picture.batch_position,
        encode_s=0.0,
        upload_s=0.0,
    )
