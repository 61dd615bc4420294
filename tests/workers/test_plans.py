from typing import Any

import pytest

from farm.errors import NotInStoreError
from farm.store.memory import MemoryStore
from workers.plans import Plans


def test_a_plan_is_read_once(make_plan: Any, store: MemoryStore) -> None:
    """Ranges of one job share it."""
    plan = make_plan(store)
    plans = Plans(store)
    found = plans.get(plan.job_id)
    assert found.task(3) == plan.task(3)
    store.objects.clear()
    assert plans.get(plan.job_id) is found


def test_only_the_last_plans_are_kept(make_plan: Any, store: MemoryStore) -> None:
    """A worker serves many jobs in its life."""
    first, second = make_plan(store), make_plan(store, steps=3)
    plans = Plans(store, limit=1)
    plans.get(first.job_id)
    plans.get(second.job_id)
    store.objects.clear()
    with pytest.raises(NotInStoreError):
        plans.get(first.job_id)
