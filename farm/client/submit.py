"""Hand a plan to the farm: its objects, the plan itself last, and only then the ledger."""

import itertools
import json
import logging
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from farm.client.erase import sweep
from farm.errors import DamagedError, ManifestError, NotInStoreError
from farm.ledger.values import GroupEntry, JobEntry, JobState
from farm.store import keys

if TYPE_CHECKING:
    from farm.ledger.ledger import Ledger
    from farm.plan.plan import Plan, Verdict
    from farm.store.store import Store

log = logging.getLogger(__name__)

#: Objects that are uploaded side by side, while the next one is made.
_UPLOADS = 4
#: Bytes of a manifest that are in memory at a time.
_PIECE = 1 << 20


@dataclass(frozen=True, slots=True)
class Submitted:
    """What a submission came to."""

    job: str
    images: int
    state: JobState
    #: False when the farm had this job already.
    new: bool
    #: Whether the job that was there has other values in ``run`` than this submission.
    run_differs: bool = False
    #: Notes and warnings about the plan.
    verdicts: "tuple[Verdict, ...]" = ()

    def to_json(self) -> dict[str, object]:
        """The document of `farm submit --json`."""
        return {"job": self.job, "images": self.images, "state": self.state}


def submit(plan: "Plan", source: Iterable[bytes], *, store: "Store", ledger: "Ledger") -> Submitted:
    """Submit a plan; the same plan again is the same job.

    The plan object is written last, so a submission that is killed before it leaves no job, and one that is killed
    after it is completed by the next submission or by a coordinator. A plan that is damaged is written anew.

    Args:
        plan: the job.
        source: the manifest as the user wrote it, in pieces.
        store: where the job's objects go.
        ledger: what hears of the job when all of them are there.
    """
    stored = _stored(plan.job_id, store=store, ledger=ledger)
    if stored is None:
        write(plan, source, store=store)
    state = _open(stored or plan, store=store, ledger=ledger)
    return Submitted(
        job=plan.job_id,
        images=plan.images,
        state=state,
        new=stored is None,
        run_differs=stored is not None and stored.run != plan.run,
        verdicts=tuple(plan.verdicts),
    )


def _stored(job_id: str, *, store: "Store", ledger: "Ledger") -> "Plan | None":
    """The plan of a job that is there already; where none is, what a removal may have left goes first.

    One that is damaged is as good as none: what ended because of it is forgotten, so that it is opened again.
    """
    try:
        return read_plan(store, job_id)
    except NotInStoreError:
        sweep(store, job_id)
        return None
    except DamagedError:
        known = ledger.status(job_id)
        if known is not None and known.state.over:
            ledger.forget(job_id)
        return None


def _open(plan: "Plan", *, store: "Store", ledger: "Ledger") -> JobState:
    """Make the ledger know a job, unless it does or the job is over; the job's state."""
    known = ledger.status(plan.job_id)
    if known is not None:
        return known.state
    finished = read_finished(store, plan.job_id)
    if finished is not None:
        return JobState(finished["state"])
    ledger.open(entry(plan, submitted_at=ledger.now()))
    return JobState.QUEUED


def another(plan: "Plan", store: "Store") -> "Plan":
    """The same plan as a job of its own: the first of ``-2``, ``-3``, … that the store does not have."""
    numbers = itertools.count(2)
    job_ids = (f"{plan.job_id}-{number}" for number in numbers) if store.exists(keys.plan(plan.job_id)) else iter(())
    free = next((job_id for job_id in job_ids if not store.exists(keys.plan(job_id))), None)
    return plan if free is None else plan.with_job_id(free)


def source(manifest: "str | Path | Mapping[str, Any]") -> Iterator[bytes]:
    """The manifest as its user wrote it, in pieces; one that was never a file as JSON, which is YAML too."""
    if isinstance(manifest, Mapping):
        yield json.dumps(manifest, indent=2, ensure_ascii=False, default=str).encode()
        return
    try:
        with Path(manifest).open("rb") as stream:
            while piece := stream.read(_PIECE):
                yield piece
    except OSError as error:
        raise ManifestError(f"cannot be read any more: {error.strerror}.", file=str(manifest)) from None


def write(plan: "Plan", source: Iterable[bytes], *, store: "Store") -> None:
    """Write a job's objects, the plan last; a few at a time are in memory."""
    with ThreadPoolExecutor(_UPLOADS) as pool:
        waiting: deque[Future[None]] = deque()
        for key, data in plan.objects.items():
            waiting.append(pool.submit(store.put, key, data))
            if len(waiting) > _UPLOADS:
                waiting.popleft().result()
        for each in waiting:
            each.result()
    store.put_stream(keys.manifest(plan.job_id), source, content_type="application/yaml")
    store.put(keys.plan(plan.job_id), plan.to_json(), content_type="application/json")


def read_plan(store: "Store", job_id: str) -> "Plan":
    """The plan of a job in the store; raises `NotInStoreError` or `DamagedError`."""
    from farm.plan.plan import Plan

    return Plan.from_json(store.get(keys.plan(job_id)), read=store.get)


def read_finished(store: "Store", job_id: str) -> dict[str, Any] | None:
    """How a job ended; None when it has not, and when nobody can read it: a coordinator then ends it again."""
    try:
        found: dict[str, Any] = json.loads(store.get(keys.finished(job_id)))
        JobState(found["state"])
    except NotInStoreError:
        return None
    except (ValueError, KeyError, TypeError):
        log.warning("The finished.json of %s is damaged", job_id, extra={"action": "end_unreadable"})
        return None
    return found


def entry(plan: "Plan", *, submitted_at: float) -> JobEntry:
    """A job as the ledger takes it."""
    return JobEntry(
        job_id=plan.job_id,
        name=plan.name,
        images=plan.images,
        groups=tuple(GroupEntry(group.number, group.start, group.stop, group.queue) for group in plan.groups),
        submitted_at=submitted_at,
        priority=plan.run.priority,
        max_attempts=plan.run.max_attempts,
        range_size=plan.run.range,
        min_vram_gb=plan.run.min_vram_gb,
        keep_days=plan.run.keep_days,
        window=plan.run.window,
        finish_by=plan.run.deadline,
    )
