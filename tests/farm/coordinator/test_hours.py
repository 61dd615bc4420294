from __future__ import annotations

import time
from typing import Any

from farm.coordinator.hours import why_closed
from farm.economics.window import Window

Ticking = Any
HOUR = 3600.0


def submit(ticking: Ticking, *, opens_in: float, hours: float) -> str:
    """Submit a job of many images whose window opens in so many hours, for so many hours."""
    stage = ticking.stage
    now = time.gmtime(stage.ledger.now() + opens_in * HOUR)
    end = time.gmtime(stage.ledger.now() + (opens_in + hours) * HOUR)
    window = f"{now.tm_hour:02}:{now.tm_min:02}-{end.tm_hour:02}:{end.tm_min:02} UTC"
    manifest = {"name": "mugs", "render": stage.render_fields(seed="1-100"), "run": {"window": window}}
    return str(stage.farm.submit(manifest).job)


def test_nothing_is_sent_before_the_window_opens(ticking: Ticking) -> None:
    """The job says when it does; then it goes on by itself, and says nothing more."""
    job = submit(ticking, opens_in=2, hours=3)
    ticking.tick(3)
    assert ticking.outbox.take() == []
    assert "Its window opens at" in ticking.stage.ledger.status(job).reason
    assert ticking.stage.farm.status(job).to_json()["state"] == "queued"
    ticking.tick(seconds=2.1 * HOUR)
    ticking.tick(2)
    assert len(ticking.outbox.take()) == 2
    assert ticking.stage.ledger.status(job).reason is None


def test_running_ranges_finish_after_the_window(ticking: Ticking) -> None:
    """What a worker holds is rendered and counts; what nobody has claimed waits for the next night."""
    job = submit(ticking, opens_in=-1, hours=2)
    ticking.tick(2)
    first, second = ticking.outbox.take()
    ledger = ticking.stage.ledger
    lease = ledger.claim(first, worker="w1")
    ticking.tick(seconds=1.5 * HOUR)
    ticking.tick(2)
    assert ticking.claim() == []
    assert str(ledger.claim(second, worker="w1")) == "taken"
    assert len(ledger.commit(lease, first.start, first.stop, seconds=1.0, price=None)) == len(first)
    assert "Its window opens at" in ledger.status(job).reason


def test_a_closed_job_hinders_no_other(ticking: Ticking) -> None:
    """The worker serves whoever may be served."""
    submit(ticking, opens_in=2, hours=3)
    open_job = ticking.stage.submit("stars", seed="1-100").job
    ticking.tick(2)
    assert {rng.job_id for rng in ticking.outbox.take()} == {open_job}


def test_the_window_survives_redis(ticking: Ticking) -> None:
    """It is in the plan: a rebuilt ledger keeps to it."""
    job = submit(ticking, opens_in=2, hours=3)
    before = ticking.stage.ledger.entry(job)
    ticking.stage.ledger.forget(job)
    ticking.tick(1, seconds=70.0)
    assert ticking.stage.ledger.entry(job).window == before.window
    ticking.tick(10)
    assert ticking.outbox.take() == []


def test_a_window_that_cannot_be_read_stays_closed() -> None:
    """A machine without that time zone renders nothing at the wrong hour, and says what it needs."""
    assert why_closed("22:00-07:00 UTC", 23 * HOUR) is None
    assert why_closed("22:00-07:00 UTC", 12 * HOUR) == "Its window opens at 22:00 UTC."
    assert "needs that time zone" in (why_closed("22:00-07:00 Atlantis/Port", 0.0) or "")
    assert Window.parse("22:00-07:00 UTC").is_open(0.0)
