from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from farm.profile.outcome import Outcome
from farm.report.charges import busy_seconds, totals, wasted_seconds
from farm.report.values import Totals

if TYPE_CHECKING:
    from tests.farm.report.conftest import Farm


def total_of(farm: Farm) -> Totals:
    """The job in one line."""
    data = farm.data()
    return totals(data.attempts, steps=data.measured.groups.steps)


def test_totals_count_every_attempt(rendered: Farm) -> None:
    """Load is in the averages; 8 pictures took 2 s of load, 6 s and 10 s."""
    total = total_of(rendered)
    assert (total.images, total.steps) == (8, 120)
    assert total.gpu_s == pytest.approx(18.0)
    assert total.s_per_image == pytest.approx(18 / 8)
    assert total.s_per_step == pytest.approx(18 / 120)
    assert total.cost_usd == pytest.approx(0.018)
    assert total.usd_per_image == pytest.approx(0.018 / 8)
    assert total.usd_per_step == pytest.approx(0.018 / 120)
    assert total.wasted_s == pytest.approx(0)


@pytest.mark.parametrize("outcome", [one for one in Outcome if one is not Outcome.RENDERED])
def test_an_attempt_without_a_picture_is_paid_and_wasted(rendered: Farm, outcome: Outcome) -> None:
    """Failed, cancelled, returned and lost seconds cost as much as any others, load included."""
    rendered.record(4, 8, 9, outcome=outcome, load=1.0, busy=4.0)
    total = total_of(rendered)
    assert total.gpu_s == pytest.approx(22.0)
    assert total.wasted_s == pytest.approx(4.0)
    assert total.images == 8


def test_a_partly_late_attempt_is_waste_in_part(rendered: Farm) -> None:
    """Of four pictures that another attempt had made, every second is waste; its load too, as it won nothing."""
    rendered.record(0, 4, 9, load=3.0)
    attempts = rendered.data().attempts
    assert wasted_seconds(attempts, busy_seconds(attempts)) == pytest.approx(3.0 + 6.0)


def test_a_half_late_attempt_keeps_its_load(farm: Farm) -> None:
    """An attempt that won half of its pictures wasted the other half, and its load was of use."""
    farm.record(0, 2, 1)
    farm.record(0, 4, 2, load=3.0)
    attempts = farm.data().attempts
    assert wasted_seconds(attempts, busy_seconds(attempts)) == pytest.approx(3.0)


def test_no_second_of_a_slow_worker_is_paid_twice(farm: Farm) -> None:
    """A worker taken for lost that delivered after all is charged once: its own record, and no more than that."""
    farm.record(0, 4, 1, busy=6.0)
    farm.record(0, 4, 1, outcome=Outcome.LOST, busy=5.0)
    farm.record(4, 6, 2, busy=2.0)
    farm.record(4, 8, 2, outcome=Outcome.LOST, busy=5.0)
    data = farm.data()
    assert sorted(busy_seconds(data.attempts)) == [0.0, 2.0, 3.0, 6.0]
    assert total_of(farm).wasted_s == pytest.approx(3.0)


def test_without_a_price_only_seconds_are_told(farm: Farm) -> None:
    """No cost is invented; with one priced worker of two the rest is named."""
    free = farm.record(0, 4, 1).worker.model_copy(update={"id": "w2", "price_per_hour": None})
    farm.store.delete(list(farm.store.list("jobs/")))
    farm.record(0, 4, 1, worker=free)
    total = total_of(farm)
    assert (total.cost_usd, total.usd_per_image, total.usd_per_step) == (None, None, None)
    farm.record(4, 8, 2)
    total = total_of(farm)
    assert total.cost_usd == pytest.approx(0.01)
    assert total.unpriced_s == pytest.approx(6.0)


def test_a_job_without_a_picture_has_no_averages(farm: Farm) -> None:
    """Seconds were spent, and nothing is divided by no images."""
    farm.record(0, 4, 1, outcome=Outcome.FAILED, busy=5.0)
    total = total_of(farm)
    assert (total.images, total.gpu_s, total.wasted_s) == (0, 5.0, 5.0)
    assert (total.s_per_image, total.s_per_step, total.usd_per_image) == (None, None, None)


_ATTEMPTS = st.lists(
    st.tuples(
        st.integers(0, 4), st.integers(1, 4), st.sampled_from(list(Outcome)), st.integers(0, 3), st.integers(0, 9)
    ),
    max_size=8,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])  # it only lends its class
@given(attempts=_ATTEMPTS)
def test_every_second_is_useful_or_wasted_and_paid_once(
    farm: Farm, attempts: list[tuple[int, int, Outcome, int, int]]
) -> None:
    """Whatever overlaps whatever: waste is a part of what is charged, all of it where no picture came of it."""
    farm = type(farm)()
    for counter, (start, size, outcome, load, work) in enumerate(attempts, start=1):
        farm.record(start, start + size, counter, outcome=outcome, load=load, busy=load + work)
    data = farm.data()
    busy = busy_seconds(data.attempts)
    paid, wasted = sum(busy), wasted_seconds(data.attempts, busy)
    assert paid == sum(load + work for *_, load, work in attempts)
    assert -1e-9 <= wasted <= paid + 1e-9
    if not len(data.folded):
        assert wasted == pytest.approx(paid)
    rendered = [(start, size) for start, size, outcome, *_ in attempts if outcome == "rendered"]
    positions = {position for start, size in rendered for position in range(start, start + size)}
    charged = sum(row.images for row in data.measured.groups.rows())
    assert charged == sum(one.won for one in data.attempts) == len(data.folded) == len(positions)
