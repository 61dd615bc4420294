"""The record of an attempt that nobody can write any more: its worker is gone."""

from collections.abc import Mapping

from farm.ledger.values import Expired
from farm.profile.outcome import Outcome
from farm.profile.record import ErrorInfo, Record, WorkerInfo
from farm.store import keys
from farm.store.store import Store


def write_lost(store: Store, expired: Expired, worker: Mapping[str, str]) -> str:
    """Write the record of an expired attempt; its key.

    Args:
        store: where it goes.
        expired: what the sweep found.
        worker: what the roster knows of its worker, as text; may be empty.
    """
    found = lost_record(expired, worker)
    key = keys.record(expired.range, expired.token, Outcome.LOST)
    store.put(key, found.model_dump_json().encode(), content_type="application/json")
    return key


def lost_record(expired: Expired, worker: Mapping[str, str]) -> Record:
    """The record of an expired attempt: its seconds are those of its last renewal."""
    silent = f"Worker {expired.worker} was not heard of again after its last renewal."
    return Record(
        job=expired.range.job_id,
        start=expired.range.start,
        stop=expired.range.stop,
        epoch=expired.token.epoch,
        counter=expired.token.counter,
        outcome=Outcome.LOST,
        worker=worker_info(expired.worker, worker),
        queued_at=expired.queued_at,
        claimed_at=expired.claimed_at,
        started_at=expired.claimed_at,
        finished_at=expired.renewed_at,
        load_s=0.0,
        busy_s=expired.busy_s,
        batches=[],
        images=[],
        error=ErrorInfo(kind="lost", message=silent),
    )


def worker_info(worker_id: str, known: Mapping[str, str]) -> WorkerInfo:
    """A worker of the roster as records name it; what is not known is empty."""
    vram, price = known.get("vram_gb"), known.get("price_per_hour")
    return WorkerInfo(
        id=worker_id,
        session=known.get("session", ""),
        host=known.get("host", ""),
        device=known.get("device", ""),
        gpu=known.get("gpu", ""),
        vram_gb=float(vram) if vram else None,
        price_per_hour=float(price) if price else None,
    )
