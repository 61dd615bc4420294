from __future__ import annotations

from itertools import permutations
from typing import Any

import pytest

from farm.economics.costs import CostKey, CostRow, JobCosts, KindRow, LoadRow, together
from farm.economics.sums import Sums

KEY = CostKey("builtin:shapes", "r1", "64x64", "Test GPU", "float32", 8, guided=True, calls_per_step=1)


def job(name: str, *, at: float = 100.0, scale: float = 1.0, **also: Any) -> JobCosts:
    """A job of three batches on the line 0.5 + 0.1 x steps, scaled."""
    sums = Sums.of([(steps, scale * (0.5 + 0.1 * steps)) for steps in (5, 10, 20)])
    return JobCosts(job=name, started_at=at, rows=(CostRow(**KEY._asdict(), sums=sums),), **also)


def kind(price: float | None, busy: float, gap: float = 0.0) -> KindRow:
    """What one kind spent on ten seconds of batches."""
    return KindRow(gpu="Test GPU", price_per_hour=price, busy_s=busy, batch_s=10.0, gap_s=gap)


def test_jobs_add_up_in_any_order() -> None:
    """Whatever order the store lists them in, the same is known."""
    jobs = [job("a", at=1.0, kinds=(kind(1.0, 11.0),)), job("b", at=2.0, kinds=(kind(2.0, 12.0),)), job("c", at=3.0)]
    found = [together(order) for order in permutations(jobs)]
    assert all(each.sums[KEY].n == 9 and each.jobs == 3 for each in found)
    assert all(each.prices == {"Test GPU": 2.0} for each in found)


def test_a_job_that_is_there_twice_counts_once() -> None:
    """A job that was retried and finished again does not weigh double."""
    assert together([job("a"), job("a")]).sums[KEY].n == 3


def test_documents_come_back_as_they_were() -> None:
    """What the coordinator writes, a client reads."""
    before = job(
        "a", loads=(LoadRow(model="m", revision="", gpu="Test GPU", loads=2, seconds=5.0),), kinds=(kind(None, 9),)
    )
    assert JobCosts.model_validate_json(before.model_dump_json()) == before


def test_loads_and_overheads_are_means_over_all_jobs() -> None:
    """Seconds over loads, busy over batch seconds, waits over busy seconds."""
    load = LoadRow(model="m", revision="", gpu="Test GPU", loads=2, seconds=5.0)
    other = load.model_copy(update={"loads": 1, "seconds": 4.0})
    found = together(
        [job("a", loads=(load,), kinds=(kind(1.0, 11.0, 1.0),)), job("b", loads=(other,), kinds=(kind(1.0, 13.0),))]
    )
    assert found.loads == {("m", "", "Test GPU"): pytest.approx(3.0)}
    overhead = found.overheads["Test GPU"]
    assert (overhead.busy, overhead.wall) == pytest.approx((1.2, 1 + 1 / 24))


def test_jobs_that_differ_say_by_how_much() -> None:
    """One job on another day took 10 % longer: the spread of jobs is known, with one degree of freedom."""
    spread, degrees = together([job("a"), job("b", scale=1.1)]).drift["Test GPU"]
    assert degrees == 1
    assert spread == pytest.approx(0.0673, abs=0.001)
    assert together([job("a")]).drift == {}


def test_nothing_measured_is_nothing_known() -> None:
    """A new farm."""
    assert together([]).sums == {}
