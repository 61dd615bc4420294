import pytest

from farm.ledger.ledger import Ledger

INFO = {"host": "box", "device": "cuda:0", "gpu": "L4", "vram_gb": 24.0, "price_per_hour": None, "session": "s1"}


def test_a_registered_worker_is_seen(ledger: Ledger) -> None:
    """What a worker says of itself comes back typed."""
    ledger.register("w1", INFO)
    (worker,) = ledger.workers()
    assert (worker.id, worker.host, worker.device, worker.gpu) == ("w1", "box", "cuda:0", "L4")
    assert (worker.vram_gb, worker.price_per_hour) == (24.0, None)
    assert (worker.doing, worker.queue, worker.loaded, worker.images_done) == ("idle", None, (), 0)
    assert worker.seen_at == pytest.approx(worker.started_at)
    assert ledger.worker_info("w1")["session"] == "s1"


def test_a_heartbeat_brings_the_assignment(ledger: Ledger) -> None:
    """A worker learns its queue at its next beat, again and again: nothing depends on one message."""
    ledger.register("w1", INFO)
    assert ledger.beat("w1") is None
    ledger.assign("w1", "red")
    assert ledger.beat("w1", {"loaded": ["red"], "queue": "red"}) == "red"
    assert ledger.beat("w1") == "red"
    assert ledger.assignments() == {"w1": "red"}
    assert ledger.workers()[0].loaded == ("red",)
    ledger.assign("w1", None)
    assert ledger.beat("w1") is None


def test_a_worker_that_is_silent_is_not_alive(ledger: Ledger) -> None:
    """Only workers that were seen lately count; the others are known for an hour."""
    ledger.register("w1", INFO)
    ledger.register("w2", INFO)
    ledger.shift_clock(20)
    ledger.beat("w2")
    assert [worker.id for worker in ledger.workers()] == ["w2"]
    assert [worker.id for worker in ledger.workers(within=None)] == ["w1", "w2"]
    ledger.shift_clock(3590)
    ledger.forget_workers()
    assert [worker.id for worker in ledger.workers(within=None)] == ["w2"]


def test_a_beat_after_redis_lost_its_memory_enters_the_worker_again(ledger: Ledger) -> None:
    """A worker need not be restarted because Redis was."""
    ledger.beat("w1", INFO)
    assert ledger.workers()[0].gpu == "L4"


def test_a_new_process_of_the_same_name_starts_afresh(ledger: Ledger) -> None:
    """What the dead process had loaded, could not load, or was told, is not the new one's."""
    ledger.register("w1", INFO)
    ledger.note("w1", loaded=["red"], doing="rendering", job_id="mugs")
    ledger.unfit("w1", "blue", "no weights")
    ledger.assign("w1", "red")
    ledger.register("w1", INFO)
    (worker,) = ledger.workers()
    assert (worker.loaded, worker.doing, worker.job_id, worker.unfit) == ((), "idle", None, {})
    assert ledger.assignments() == {}


def test_notes_say_what_a_worker_does(ledger: Ledger) -> None:
    """The child notes its state between heartbeats of its parent."""
    ledger.register("w1", INFO)
    ledger.note("w1", doing="loading", queue="red", step=3, steps=20, job_id="mugs")
    ledger.note("w1")
    (worker,) = ledger.workers()
    assert (worker.doing, worker.queue, worker.step, worker.steps) == ("loading", "red", 3, 20)


def test_unfit_marks_are_set_and_lifted(ledger: Ledger) -> None:
    """A worker that cannot load a pipeline says why, until somebody retries."""
    ledger.register("w1", INFO)
    ledger.unfit("w1", "red", "Its weights are corrupt.")
    (worker,) = ledger.workers()
    assert worker.unfit == {"red": "Its weights are corrupt."}
    assert worker.unfit_at["red"] == pytest.approx(ledger.now(), abs=5)
    ledger.clear_unfit("red")
    (worker,) = ledger.workers()
    assert (worker.unfit, worker.unfit_at) == ({}, {})


def test_a_drained_worker_loses_its_assignment(ledger: Ledger) -> None:
    """Draining takes a worker off its queue, whether it is idle or not."""
    ledger.register("w1", INFO)
    ledger.assign("w1", "red")
    ledger.drain("w1")
    assert ledger.beat("w1") is None
    assert ledger.workers()[0].doing == "draining"


def test_a_worker_that_leaves_is_gone(ledger: Ledger) -> None:
    """Nothing of it stays."""
    ledger.register("w1", INFO)
    ledger.assign("w1", "red")
    ledger.leave("w1")
    ledger.note("w1", doing="idle")
    assert ledger.workers(within=None) == []
    assert ledger.worker_info("w1") == {}
    assert ledger.assignments() == {}


def test_how_many_images_fit_is_remembered(ledger: Ledger) -> None:
    """For every worker with that device; a larger number does not replace what somebody found to be too much."""
    assert ledger.cap("red:512x512:L4") is None
    ledger.set_cap("red:512x512:L4", 8)
    ledger.set_cap("red:512x512:L4", 4)
    ledger.set_cap("red:512x512:L4", 6)
    assert ledger.cap("red:512x512:L4") == 4
    assert ledger.cap("red:512x512:H100") is None
