from farm.coordinator.lost import write_lost
from farm.ledger.values import Expired
from farm.plan.ranges import WorkRange
from farm.profile.outcome import Outcome, Token
from farm.profile.record import Record
from farm.store import keys
from farm.store.memory import MemoryStore

EXPIRED = Expired(
    range=WorkRange("mugs", 8, 16),
    token=Token("1763690000000x3fa9", 4),
    worker="w1",
    claimed_at=100.0,
    renewed_at=112.5,
    queued_at=99.0,
    busy_s=11.0,
)
WORKER = {"host": "box", "gpu": "L4", "device": "cuda:0", "session": "s1", "vram_gb": "24.0", "price_per_hour": "0.8"}


def test_a_lost_attempt_has_its_record() -> None:
    """Its name says range, token and outcome, its content who spent how many seconds."""
    store = MemoryStore()
    key = write_lost(store, EXPIRED, WORKER)
    name = keys.parse_record("mugs", key)
    assert name is not None
    assert (name.range, name.token, name.outcome) == (EXPIRED.range, EXPIRED.token, Outcome.LOST)
    record = Record.model_validate_json(store.get(key))
    assert (record.busy_s, record.claimed_at, record.finished_at) == (11.0, 100.0, 112.5)
    assert (record.worker.gpu, record.worker.vram_gb, record.worker.price_per_hour) == ("L4", 24.0, 0.8)
    assert record.error is not None
    assert "w1" in record.error.message


def test_a_worker_that_nobody_knows_has_no_price() -> None:
    """What is not known is empty, and a price is not invented."""
    store = MemoryStore()
    record = Record.model_validate_json(store.get(write_lost(store, EXPIRED, {"price_per_hour": "", "host": "box"})))
    assert (record.worker.id, record.worker.gpu, record.worker.price_per_hour) == ("w1", "", None)


def test_writing_it_twice_is_one_record() -> None:
    """A coordinator that died before it took note writes the same object again."""
    store = MemoryStore()
    write_lost(store, EXPIRED, WORKER)
    write_lost(store, EXPIRED, WORKER)
    assert len(list(store.list(keys.records("mugs")))) == 1
