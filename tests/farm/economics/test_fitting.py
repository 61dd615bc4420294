from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from farm.economics.costs import CostKey, Costs
from farm.economics.fitting import Fitting, capped, fitting
from farm.economics.quote import Kind
from farm.economics.sums import Sums
from farm.economics.work import Setting, Work

KEY = CostKey("m", "r1", "64x64", "Test GPU", "float32", 8, guided=True, calls_per_step=1)
SETTING = Setting("q", "m", "r1", "auto", "64x64", "euler", 30, 30, guided=True, calls_per_step=1)
#: Exactly 0.5 s fixed and 0.1 s per step and image: a range of 8 images at 30 steps takes 28 s.
COSTS = Costs(sums={KEY: Sums.of([(steps, 0.5 + 0.1 * steps) for steps in (5, 10, 30)])}, jobs=1)
KIND = Kind("Test GPU", None, 1, {"q": 1})
WORK = Work(Counter({(((SETTING, 8), 1),): 10}), 8)


def ways(left_s: float) -> Fitting:
    """What lets ten ranges end in time."""
    found = fitting(WORK, COSTS, [KIND], left_s=left_s)
    assert found is not None
    return found


def test_each_way_alone_ends_in_time() -> None:
    """280 s of work and 216 s left: two workers, or 22 steps, or 61 of 80 images."""
    found = ways(216.0 + 1e-6)
    assert not found.fits
    assert (found.workers, found.steps, found.images) == (2, 22, 61)


def test_a_job_that_fits_gives_nothing_up() -> None:
    """One worker, all steps, all images."""
    found = ways(300.0)
    assert (found.fits, found.workers, found.steps, found.images) == (True, 1, 30, 80)


def test_what_cannot_be_is_not_promised() -> None:
    """A range takes longer than is left: no number of workers shortens it, and the fixed part alone is too long."""
    found = ways(3.0)
    assert (found.workers, found.steps, found.images) == (None, None, 0)


def test_workers_of_several_kinds_are_not_counted_in_one_number() -> None:
    """Nobody knows of which kind the next one would be."""
    costs = replace(COSTS, sums={**COSTS.sums, KEY._replace(gpu="Other"): COSTS.sums[KEY]})
    found = fitting(WORK, costs, [KIND, replace(KIND, gpu="Other")], left_s=100.0)
    assert found is not None
    assert found.workers is None


def test_nothing_is_known_of_what_was_not_measured() -> None:
    """No way is invented."""
    assert fitting(WORK, Costs(), [KIND], left_s=100.0) is None


@settings(deadline=None, max_examples=25)
@given(st.floats(1.0, 400.0))
def test_more_time_never_fits_less(left_s: float) -> None:
    """An hour more allows at least as many steps and images, with no more workers."""
    less, more = ways(left_s), ways(left_s + 30.0)
    assert (less.steps or 0) <= (more.steps or 0)
    assert less.images <= more.images
    assert (more.workers or 999) <= (less.workers or 999)


def test_only_settings_above_are_cut() -> None:
    """A draft beside a final stays as it is."""
    draft = SETTING._replace(steps=10, effective_steps=10)
    mixed = Work(Counter({(((draft, 8), 1), ((SETTING, 8), 2)): 3}), 8)
    cut = capped(mixed, 20)
    assert {(setting.steps, count) for (setting, _), count in cut.calls().items()} == {(10, 3), (20, 6)}
    assert cut.ranges.total() == pytest.approx(3)
