from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from farm.economics.quality import Setting
from farm.quality.chains import CHAINS, PICTURES, pick
from tests.farm.quality.conftest import plan_of

if TYPE_CHECKING:
    from farm.plan.plan import Plan


def contents(plan: Plan, names: dict[int, str]) -> list[dict[str, object]]:
    """What the tasks of some pictures draw, but for their steps."""
    tasks = {plan.image_name(task): task for task in plan.tasks(0, plan.images)}
    return [tasks[name].content() | {"steps": None} for name in names.values()]


def test_a_chain_differs_in_its_steps_alone(sweep: Plan) -> None:
    """Every prompt and seed once, with all its step counts, fewest first."""
    found = pick(sweep)
    assert len(found) == 4
    for chain in found:
        assert list(chain.names) == [5, 10, 20, 40]
        first, *others = contents(sweep, dict(chain.names))
        assert others == [first] * 3
    assert {chain.setting for chain in found} == {Setting("builtin:shapes", "default", "64x64")}


def test_each_scheduler_and_guidance_has_chains_of_its_own() -> None:
    """A chain never crosses from one setting to another."""
    plan = plan_of(scheduler=["euler", "ddim"], guidance_scale=[1.0, 5.0], seed="1-2")
    found = pick(plan)
    assert len(found) == 16
    assert sorted({chain.setting.scheduler for chain in found}) == ["ddim", "euler"]
    assert all(contents(plan, dict(chain.names))[1:] == contents(plan, dict(chain.names))[:-1] for chain in found)


def test_steps_that_are_no_axis_make_no_chain() -> None:
    """One step count, or one for each prompt, compares nothing."""
    assert pick(plan_of(steps=20)) == []
    assert pick(plan_of(prompt=["a star", "a ring"], steps=[10, 20], combine="(prompt, steps) * seed")) == []


def test_rows_in_any_order_find_their_chain() -> None:
    """Where prompts and seeds stand in another order at each step count, the same picture is searched."""
    manifest = {
        "seed": [1, 2, 3, 3, 1, 2],
        "steps": [10, 10, 10, 20, 20, 20],
        "combine": "(seed, steps) * prompt",
    }
    plan = plan_of(**manifest)
    found = pick(plan)
    assert len(found) == 6
    assert all(contents(plan, dict(chain.names))[1:] == contents(plan, dict(chain.names))[:-1] for chain in found)


def test_a_huge_job_is_sampled_evenly() -> None:
    """A bounded number of chains, the same each time, from the beginning to the end of the job."""
    plan = plan_of(prompt=[f"star {n}" for n in range(500)], seed="1-100", steps=[5, 10, 20])
    found = pick(plan)
    assert len(found) == CHAINS
    assert found == pick(plan)
    places = sorted(int(chain.names[5].split("-")[0].split(".")[0]) for chain in found)
    gaps = [after - before for before, after in pairwise(places)]
    assert places[0] < 3
    assert max(gaps) - min(gaps) <= 10


@pytest.mark.parametrize("schedulers", [["euler", "ddim", "unipc", "heun", "dpm++2m", "pndm"]])
def test_many_settings_share_the_pictures(schedulers: list[str]) -> None:
    """However many there are, about as many pictures are looked at."""
    plan = plan_of(seed="1-30", scheduler=schedulers, steps=[5, 10, 15, 20, 25, 30, 35, 40])
    found = pick(plan)
    assert PICTURES / 2 < sum(len(chain.names) for chain in found) <= PICTURES
    assert {chain.setting.scheduler for chain in found} == set(schedulers)
