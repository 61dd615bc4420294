"""The worker's own ledger of seconds, written to the store as it grows."""

import logging
import threading
from collections import defaultdict

from farm.errors import StoreError
from farm.profile.record import WorkerInfo
from farm.profile.seconds import Kind, Session, Span, append
from farm.store import keys
from farm.store.store import Store
from workers.stopwatch import Stopwatch

log = logging.getLogger(__name__)

#: Seconds between two writes of a session that changed.
INTERVAL = 5.0
#: Seconds between two writes while the worker waits for work.
IDLE_INTERVAL = 30.0
#: Spans of one part: some 150 kB; what comes after goes into the next part.
SPANS = 1000


class SessionLog:
    """Writes a session, part by part, from a thread of its own; rendering goes on when the store is away.

    Args:
        store: where to.
        worker: whose session it is.
        watch: where the spans come from.
        started_at: when the session began.
        spans: spans of one part.
    """

    def __init__(
        self, store: Store, *, worker: WorkerInfo, watch: Stopwatch, started_at: float, spans: int = SPANS
    ) -> None:
        self._store, self._worker, self._watch, self._limit = store, worker, watch, spans
        self._part, self._started_at = 0, started_at
        self._idle = False
        self._spans: list[Span] = []
        self._uploads: defaultdict[str, float] = defaultdict(float)
        self._lock, self._writing = threading.Lock(), threading.Lock()
        self._wake, self._stopped = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, name="session", daemon=True)

    def start(self) -> None:
        """Begin to write."""
        self._thread.start()

    def stop(self) -> None:
        """Write once more and end."""
        self._stopped.set()
        self._wake.set()
        self._thread.join()
        self.write()

    def wake(self) -> None:
        """Write soon: a range was published."""
        self._wake.set()

    def uploaded(self, job_id: str, seconds: float) -> None:
        """A publish thread was busy for a job."""
        with self._lock:
            self._uploads[job_id] += seconds

    def write(self) -> None:
        """Write the part as it is now; a store that is away gets it the next time."""
        with self._writing:
            self._write()

    def _write(self) -> None:
        with self._lock:
            session, full = self._snapshot()
        try:
            self._store.put(
                keys.session(self._worker.id, f"{self._worker.session}-{session.part:04}"),
                session.to_json(),
                content_type="application/json",
            )
        except StoreError as error:
            log.warning("Cannot write the worker's session: %s", error)
            return
        if full:
            with self._lock:
                self._begin_next(session)

    def _snapshot(self) -> tuple[Session, bool]:
        """The part as it is now, and whether it is complete: then it holds closed spans only."""
        closed, current = self._watch.read()
        for span in closed:
            append(self._spans, span)
        full = len(self._spans) >= self._limit
        spans = list(self._spans)
        if not full:
            append(spans, current)
        self._idle = current.kind is Kind.IDLE
        session = Session(
            worker=self._worker,
            part=self._part,
            started_at=self._started_at,
            ended_at=spans[-1].stop if spans else self._started_at,
            spans=tuple(spans),
            upload_s={job_id: seconds for job_id, seconds in self._uploads.items() if seconds > 0},
        )
        return session, full

    def _begin_next(self, written: Session) -> None:
        """The next part begins where the written one ends."""
        self._part, self._started_at = written.part + 1, written.ended_at
        self._spans.clear()
        for job_id, seconds in written.upload_s.items():
            self._uploads[job_id] -= seconds

    def _run(self) -> None:
        while not self._stopped.is_set():
            self._wake.wait(IDLE_INTERVAL if self._idle else INTERVAL)
            self._wake.clear()
            self.write()
