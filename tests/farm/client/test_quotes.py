from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import pytest

from farm.client.quotes import kinds_of, known_kinds, quote_of, read_costs
from farm.economics.costs import CostKey, CostRow, JobCosts, KindRow
from farm.economics.quote import Quote, Unknown
from farm.economics.sums import Sums
from farm.store import keys

if TYPE_CHECKING:
    from tests.farm.conftest import Stage


def learn(stage: Stage, name: str = "a", *, at: float = 1.0, price: float | None = 3.6) -> JobCosts:
    """Write what a finished job measured of the built-in model."""
    plan = stage.farm.plan({"render": stage.render_fields()})
    pipeline = plan.groups[0].pipeline
    key = CostKey(pipeline.model, pipeline.revision or "", "64x64", "Test CPU", "float32", 8, True, 1)
    sums = Sums.of([(steps, 0.5 + 0.1 * steps) for steps in (2, 4, 8)])
    kind = KindRow(gpu="Test CPU", price_per_hour=price, busy_s=10.0, batch_s=10.0, gap_s=0.0)
    found = JobCosts(job=name, started_at=at, rows=(CostRow(**key._asdict(), sums=sums),), kinds=(kind,))
    stage.store.put(keys.costs(name, started_at=at), found.model_dump_json().encode())
    return found


def quoted(stage: Stage) -> Quote | Unknown:
    """The quote of eight pictures at four steps."""
    plan = stage.farm.plan({"render": stage.render_fields(prompt="a red circle", seed="1-8")})
    return quote_of(plan, stage.farm.connection)


def test_a_farm_quotes_its_live_workers(stage: Stage) -> None:
    """Eight pictures of 0.9 s; the price is the worker's of now, not that of the job before."""
    learn(stage)
    stage.ledger.register("w1", {"gpu": "Test CPU", "price_per_hour": 36.0})
    found = quoted(stage)
    assert isinstance(found, Quote)
    assert (found.seconds, found.usd) == pytest.approx((7.2, 0.072))
    assert found.notes == ()


def test_without_workers_it_quotes_the_kinds_it_knows(stage: Stage) -> None:
    """By the price they had; and says so."""
    learn(stage)
    found = quoted(stage)
    assert isinstance(found, Quote)
    assert found.usd == pytest.approx(0.0072)
    assert "No worker is alive" in found.notes[0]


def test_a_new_farm_knows_nothing(stage: Stage) -> None:
    """Unknown, with the reason."""
    stage.ledger.register("w1", {"gpu": "Test CPU"})
    found = quoted(stage)
    assert isinstance(found, Unknown)
    assert "never measured" in found.reasons[0]


def test_workers_that_are_alike_are_one_kind(stage: Stage) -> None:
    """Same device, same price; one that drains takes nothing new and does not count."""
    for name, price in (("w1", 1.0), ("w2", 1.0), ("w3", 2.0), ("w4", 2.0)):
        stage.ledger.register(name, {"gpu": "Test CPU", "price_per_hour": price, "loaded": ["q"]})
    stage.ledger.drain("w4")
    found = kinds_of(stage.ledger.workers())
    assert [(kind.price_per_hour, kind.workers, dict(kind.loaded)) for kind in found] == [
        (1.0, 2, {"q": 2}), (2.0, 1, {"q": 1})
    ]  # fmt: skip


def test_only_the_newest_jobs_are_read(stage: Stage) -> None:
    """However many jobs a farm has had, a quote reads a bounded number of objects, the newest."""
    learn(stage, "old", at=1.0, price=1.0)
    learn(stage, "new", at=1_000_000.0, price=2.0)
    assert [kind.price_per_hour for kind in known_kinds(read_costs(stage.store, newest=1))] == [2.0]
    assert read_costs(stage.store).jobs == 2


def test_a_damaged_object_is_passed_over(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    """One job less is known, and the log names it."""
    learn(stage)
    stage.store.put(keys.costs("bad", started_at=2.0), b"{")
    with caplog.at_level(logging.WARNING):
        assert read_costs(stage.store).jobs == 1
    assert "bad.json is damaged" in caplog.text


def test_jobs_that_are_removed_leave_what_they_measured(stage: Stage) -> None:
    """It is the farm's knowledge, not the job's."""
    learn(stage, "mugs")
    store = stage.store
    store.delete(list(store.list(keys.job("mugs"))))
    assert read_costs(store).jobs == 1
