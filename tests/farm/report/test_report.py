from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from farm.profile.seconds import Kind
from farm.report.report import build, load, report
from farm.store import keys
from tests.farm.quality.conftest import plan_of, store_of

if TYPE_CHECKING:
    from farm.plan.plan import Plan
    from tests.farm.report.conftest import Farm


@pytest.fixture
def sweep() -> Plan:
    """Two prompts and two seeds at four step counts."""
    return plan_of()


def test_a_report_brings_cost_groups_fit_and_ledger_together(rendered: Farm) -> None:
    """From records and a session in the store to the figures, in one call."""
    rendered.session(
        rendered.spans(
            100.0,
            (Kind.LOAD, 2.0, "mugs", None, None, rendered.token(1)),
            (Kind.DENOISE, 6.0, "mugs", 0, 4, rendered.token(1)),
            (Kind.IDLE, 2.0),
            (Kind.DENOISE, 10.0, "mugs", 4, 8, rendered.token(2)),
        )
    )
    report = build(load(rendered.store, "mugs"))
    assert (report.job, report.currency, report.totals.images) == ("mugs", "USD", 8)
    assert [row.steps for row in report.groups] == [10, 20]
    assert report.fits[0].s_per_step == pytest.approx(0.1)
    assert report.ledger.wall_s == pytest.approx(20.0)
    busy = report.ledger.load_s + report.ledger.denoise_s
    assert busy == pytest.approx(report.totals.gpu_s)


def test_a_report_without_prices_has_no_currency(farm: Farm) -> None:
    """Nobody set a price, so the report speaks in seconds."""
    farm.record(0, 4, 1, worker=farm.worker.model_copy(update={"price_per_hour": None}))
    assert build(farm.data()).currency is None


def test_a_report_on_nothing_is_empty(farm: Farm) -> None:
    """A job that was just submitted has a report, too."""
    report = build(farm.data())
    assert (report.groups, report.fits, report.totals.images) == ((), (), 0)


def test_a_sweep_is_compared_and_an_ordinary_job_is_not(sweep: Plan) -> None:
    """From pictures, plan and records in the store to similarity and sweet spots; without a plan, to the cost alone."""
    store = store_of(sweep)
    assert report(store, sweep.job_id).quality == ()
    store.put(keys.plan(sweep.job_id), sweep.to_json())
    found = report(store, sweep.job_id)
    assert [row.steps for row in found.quality] == [5, 10, 20, 40]
    assert [row.ssim for row in found.quality] == sorted(row.ssim for row in found.quality)
    assert [spot.scheduler for spot in found.sweet_spots] == ["default"]
    store.put(keys.plan(sweep.job_id), b"damaged")
    assert report(store, sweep.job_id).quality == ()
