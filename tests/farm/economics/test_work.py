from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from farm.economics import work as module
from farm.economics.work import Work, calls_per_step, is_guided, work_of
from farm.manifest.model import load
from farm.plan.plan import Plan, make_plan
from farm.plan.ranges import batches


def plan_of(*, run: dict[str, Any] | None = None, **render: Any) -> Plan:
    """A plan of the built-in model."""
    usual = {"model": "builtin:shapes", "prompt": "a red circle", "seed": "1-8", "steps": 4}
    return make_plan(load({"name": "mugs", "render": usual | render, "run": run or {}}))


def counted(plan: Plan) -> Work:
    """Its work."""
    found = work_of(plan)
    assert found is not None
    return found


@settings(deadline=None, max_examples=40)
@given(st.integers(1, 40), st.integers(1, 3), st.integers(1, 9), st.integers(1, 30), st.booleans())
def test_work_is_cut_as_ledger_and_workers_cut_it(seeds: int, steps: int, batch: int, size: int, two: bool) -> None:  # noqa: FBT001 drawn by chance
    """Ranges of each group from its start, batches inside them by batch key: the same calls, position by position."""
    plan = plan_of(
        seed=f"1-{seeds}",
        steps=[4, 8, 12][:steps],
        size=["64x64", "32x32"][: 1 + two],
        run={"batch": batch, "range": size},
    )
    found: dict[tuple[str, int, int], int] = {}
    ranges = 0
    for group in plan.groups:
        for start in range(group.start, group.stop, size):
            ranges += 1
            for begin, end in batches(plan, start, min(start + size, group.stop), batch):
                task = plan.task(begin)
                key = (f"{task.width}x{task.height}", task.steps, end - begin)
                found[key] = found.get(key, 0) + 1
    work = counted(plan)
    assert {(call.size, call.steps, images): n for (call, images), n in work.calls().items()} == found
    assert work.ranges.total() == ranges
    assert sum(images * n for (_, images), n in work.calls().items()) == plan.images


def test_a_night_of_a_million_images_is_counted_at_once() -> None:
    """Ranges that are alike are counted, not listed."""
    work = counted(plan_of(seed="1-1000000", steps=[10, 20]))
    assert len(work.ranges) <= 3
    assert work.ranges.total() == 2_000_000 // 32


def test_settings_that_change_too_often_are_not_counted(monkeypatch: Any) -> None:
    """A table whose every row has its own guidance would take longer to count than to be worth it."""
    monkeypatch.setattr(module, "MOST_RUNS", 3)
    assert work_of(plan_of(guidance_scale=[1.0, 2.0, 3.0, 4.0])) is None


def test_what_doubles_a_step_is_told_apart() -> None:
    """Guidance above 1, and Heun, as the report's cost models have them."""
    assert [is_guided(scale) for scale in (None, 0.0, 1.0, 1.5)] == [True, False, False, True]
    assert [calls_per_step(calls, 20) for calls in (20, 21, 39, 0)] == [1, 1, 2, 1]
    [(setting, _)] = counted(plan_of(scheduler="heun", guidance_scale=1.0)).calls()
    assert (setting.guided, setting.calls_per_step) == (False, 2)
