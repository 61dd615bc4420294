from pathlib import Path
from typing import Any

import pytest

from farm.client.submit import write
from farm.errors import NotInStoreError
from farm.manifest.model import load
from farm.plan.plan import make_plan as freeze
from farm.store import keys
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


def test_a_worker_reads_the_parts_it_needs_and_no_others(
    store: MemoryStore, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Of a table whose steps vary from row to row, a range of one kind lies in its own part."""
    path = tmp_path / "mugs.csv"
    lines = [f"mug {row},{row},{(10, 20, 30)[row % 3]}" for row in range(30_000)]
    path.write_text("\n".join(["prompt,seed,steps", *lines]), encoding="utf-8")
    plan = freeze(load(path, overrides=["render.model=org/sdxl"]))
    write(plan, [], store=store)
    asked: list[str] = []
    get = store.get

    def counted(key: str) -> bytes:
        asked.append(key)
        return get(key)

    monkeypatch.setattr(store, "get", counted)
    plans = Plans(store)
    first = plans.get(plan.job_id)
    assert asked == [keys.plan(plan.job_id)]
    assert [task.prompt for task in first.tasks(0, 3)] == ["mug 0", "mug 3", "mug 6"]
    assert {task.steps for task in first.tasks(0, 64)} == {10}
    assert asked[1:] == [keys.rows(plan.job_id, 0)]
    assert {task.steps for task in plans.get(plan.job_id).tasks(20_000, 20_064)} == {30}
    assert asked[1:] == [keys.rows(plan.job_id, 0), keys.rows(plan.job_id, 2)]
    assert first.tasks(9_990, 10_010) == plan.tasks(9_990, 10_010)
    assert asked[3:] == [keys.rows(plan.job_id, 1)]
