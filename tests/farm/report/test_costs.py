from __future__ import annotations

from typing import TYPE_CHECKING, cast

import pytest

from farm.economics.costs import JobCosts
from farm.profile.outcome import Outcome
from farm.report.costs import costs_of
from farm.store import keys

if TYPE_CHECKING:
    from farm.plan.plan import Plan
    from tests.farm.report.conftest import Farm


def costs(farm: Farm) -> JobCosts:
    """What the farm's job measured."""
    found = costs_of(cast("Plan", farm.plan), farm.data().measured)
    assert found is not None
    return found


def test_a_finished_job_leaves_its_costs(rendered: Farm) -> None:
    """One object of its own, outside the job's folder, with the sums, the load and the price."""
    rendered.finish()
    [key] = rendered.store.list(keys.COSTS)
    found = JobCosts.model_validate_json(rendered.store.get(key))
    assert found == costs(rendered)
    assert [(row.gpu, row.batch_size, row.sums.n) for row in found.rows] == [("Test GPU", 4, 2)]
    assert [(load.model, load.loads, load.seconds) for load in found.loads] == [("builtin:shapes", 1, 2.0)]
    [kind] = found.kinds
    assert (kind.price_per_hour, kind.busy_s, kind.batch_s) == pytest.approx((3.6, 16.0, 16.0))


def test_to_finish_again_writes_the_same_object(rendered: Farm) -> None:
    """A retry ends a job twice and is still one job."""
    rendered.finish()
    rendered.finish()
    assert len(list(rendered.store.list(keys.COSTS))) == 1


def test_a_job_that_rendered_nothing_leaves_nothing(farm: Farm) -> None:
    """No batch was measured: there is nothing to learn."""
    farm.record(0, 4, 1, outcome=Outcome.FAILED, busy=3.0)
    farm.finish()
    assert list(farm.store.list(keys.COSTS)) == []


def test_waits_count_only_between_ranges_that_follow_each_other(farm: Farm) -> None:
    """Half a second between two ranges is overhead of the farm; an hour's pause is not."""
    first = farm.record(0, 4, 1, at=100.0)
    second = farm.record(4, 6, 2, at=100.5 + first.busy_s)
    farm.record(6, 8, 3, at=3700.0 + second.finished_at)
    assert [kind.gap_s for kind in costs(farm).kinds] == [pytest.approx(0.5)]


def test_failed_attempts_are_no_rule(rendered: Farm) -> None:
    """Seconds of an attempt that made nothing do not make every later quote dearer."""
    before = costs(rendered).kinds
    rendered.record(0, 4, 3, outcome=Outcome.FAILED, busy=100.0, at=200.0)
    assert costs(rendered).kinds == before
