"""Redis from S3: which jobs there are, what of them is rendered, what they were told.

Three things are read: the plans, the *names* of the records, and the control objects. Rendered positions follow from
the fold of the names. Quarantines follow from the coordinator's own control objects, up to the last retry; strikes
below quarantine are forgotten, which costs a bad task a few more attempts and a good one nothing. Blocked groups are
found again by the workers that cannot load them.
"""

import logging
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence

from farm.client.submit import entry, read_finished, read_plan
from farm.coordinator.controls import Controls, replay
from farm.errors import DamagedError
from farm.ledger.ledger import Ledger
from farm.ledger.values import GroupEntry, JobState
from farm.profile.fold import Folded, age, fold
from farm.profile.record import Record
from farm.store import keys
from farm.store.keys import RecordName
from farm.store.store import Store

log = logging.getLogger(__name__)


def discover(ledger: Ledger, store: Store, *, anew: bool, beat: Callable[[], object]) -> int:
    """Open every job of the store that the ledger does not know, but for those that are damaged; how many those are.

    Args:
        ledger: what is rebuilt.
        store: what it is rebuilt from.
        anew: the ledger may be older than the store: jobs that it holds to be over and that the store does not are
            opened again.
        beat: called after each job, to keep the leader's lock.
    """
    known, active = set(ledger.job_ids()), set(ledger.active())
    count = 0
    for job_id in store.folders(keys.JOBS):
        if job_id not in known and store.exists(keys.plan(job_id)):
            count += _opened(ledger, store, job_id)
        elif anew and job_id in known - active and not store.exists(keys.finished(job_id)):
            count += store.exists(keys.plan(job_id)) and _reopened(ledger, job_id)
        beat()
    return count


def _opened(ledger: Ledger, store: Store, job_id: str) -> bool:
    try:
        _open(ledger, store, job_id)
    except DamagedError as error:
        log.error("Job %s is passed over: %s", job_id, error, extra={"action": "job_damaged"})  # noqa: TRY400 a sentence
        return False
    return True


def _reopened(ledger: Ledger, job_id: str) -> bool:
    """Open a job again that was over before it was retried: the ledger has forgotten that it was."""
    job = ledger.entry(job_id)
    if job is not None:
        ledger.forget(job_id)
        ledger.open(job)
    return job is not None


def _open(ledger: Ledger, store: Store, job_id: str) -> None:
    """Open one job; one that is over is entered as it ended, its bits are read when somebody retries it."""
    plan = read_plan(store, job_id)
    finished = read_finished(store, job_id)
    controls = _told(store, job_id, over=finished is not None)
    submitted_at = (finished or {}).get("submitted_at") or controls.first_at or ledger.now()
    ledger.open(entry(plan, submitted_at=submitted_at))
    ledger.set_control(job_id, state=None, reason=None, **controls.settings)
    if finished:
        images = finished.get("images") or {}
        ledger.finish(
            job_id,
            JobState(finished["state"]),
            finished.get("reason"),
            finished_at=finished.get("finished_at"),
            done=images.get("done"),
            failed=images.get("failed"),
            gpu_s=finished.get("gpu_s"),
            cost=finished.get("cost_usd"),
            started_at=finished.get("started_at"),
        )


def _told(store: Store, job_id: str, *, over: bool) -> Controls:
    """What a job was told; of one that is over, nothing where that is damaged: it does not go on any more."""
    try:
        return replay(store, job_id)
    except DamagedError:
        if not over:
            raise
        return Controls()


def restore(ledger: Ledger, store: Store, job_id: str, epoch: str) -> bool:
    """Put one job that is not over into the ledger as the store tells it; whether there was anything to tell.

    The job is open already: a commit that comes while the store is read sets its bits, and they stay.
    """
    job = ledger.entry(job_id)
    if job is None:
        return False
    names = [name for key in store.list(keys.records(job_id)) if (name := keys.parse_record(job_id, key))]
    controls = replay(store, job_id)
    if not names and not controls.number and ledger.is_fresh(job_id):
        ledger.set_restored(job_id, epoch)
        return False
    folded = fold(names)
    failed = {position: text for position, text in controls.failed.items() if position not in folded}
    ledger.restore(
        job_id,
        done=bitmap(folded.done, job.images),
        failed=failed,
        waiting=gaps(folded, job.groups, failed),
        epoch=epoch,
        started_at=_started_at(store, names),
    )
    if controls.state or controls.settings:
        ledger.set_control(job_id, state=controls.state, reason=controls.reason, **controls.settings)
    log.info(
        "Read %s from the store: %d of %d images rendered",
        job_id,
        len(folded),
        job.images,
        extra={"action": "job_restored"},
    )
    return True


def bitmap(done: Iterable[tuple[int, int]], images: int) -> bytes:
    """Intervals as the ledger's bitmap: one bit per position, the first in the highest bit of the first byte."""
    bits = bytearray((images + 7) // 8)
    for start, stop in done:
        first, last = min(-(-start // 8) * 8, stop), max(stop // 8 * 8, start)
        if first < last:
            bits[first // 8 : last // 8] = b"\xff" * ((last - first) // 8)
        for position in (*range(start, min(first, stop)), *range(max(last, first), stop)):
            bits[position // 8] |= 0x80 >> position % 8
    return bytes(bits)


def gaps(folded: Folded, groups: Sequence[GroupEntry], failed: Iterable[int]) -> Iterator[tuple[int, int]]:
    """Positions that are neither rendered nor given up, as ranges within one group each."""
    out = sorted(failed)
    for group in groups:
        for start, stop in folded.missing(group.start, group.stop):
            reached = start
            for position in out[bisect_left(out, start) : bisect_left(out, stop)]:
                if reached < position:
                    yield reached, position
                reached = position + 1
            if reached < stop:
                yield reached, stop


def _started_at(store: Store, names: Sequence[RecordName]) -> float | None:
    """When the oldest attempt was claimed: the one record that is read."""
    if not names:
        return None
    oldest = min(names, key=lambda name: age(name.token))
    key = keys.record(oldest.range, oldest.token, oldest.outcome)
    data = store.get(key)
    try:
        return Record.model_validate_json(data).claimed_at
    except ValueError:
        raise DamagedError(f"The record {key} is damaged.") from None
