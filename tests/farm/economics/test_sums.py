from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from farm.economics.fit import fit
from farm.economics.sums import Line, Sums

SAMPLES = st.lists(st.tuples(st.integers(1, 150), st.floats(0.01, 100)), min_size=3, max_size=40)


def line_of(samples: list[tuple[int, float]]) -> Line:
    """The line of some samples, which must have one."""
    found = Sums.of(samples).line()
    assert found is not None
    return found


@settings(deadline=None)
@given(SAMPLES)
def test_sums_give_the_line_that_all_samples_give(samples: list[tuple[int, float]]) -> None:
    """Adding up loses nothing: slope and fixed part are those of the least squares over the samples."""
    steps, seconds = [float(x) for x, _ in samples], [y for _, y in samples]
    whole = fit(steps, seconds)
    if whole is None:
        return
    found = line_of(samples)
    assert found.slope == pytest.approx(whole.s_per_step, rel=1e-6, abs=1e-6)
    assert found.mean_s + found.slope * (20 - found.mean_steps) == pytest.approx(whole.seconds(20), rel=1e-6, abs=1e-4)


@settings(deadline=None)
@given(SAMPLES, st.integers(1, 39))
def test_jobs_add_up_in_any_order(samples: list[tuple[int, float]], cut: int) -> None:
    """Two jobs apart, either way round, are one job with the samples of both."""
    cut = min(cut, len(samples) - 1)
    first, second = Sums.of(samples[:cut]), Sums.of(samples[cut:])
    whole, there, back = Sums.of(samples), first + second, second + first
    for found in (there, back):
        assert (found.n, found.fewest, found.most) == (whole.n, whole.fewest, whole.most)
        assert found.xy == pytest.approx(whole.xy)
        assert found.yy == pytest.approx(whole.yy)


def test_prediction_intervals_hold_what_comes_about_as_often_as_they_say() -> None:
    """Of 400 calibrations of nine batches, some 95 % hold what 20 later batches take together."""
    chance = random.Random(5)
    hits = 0
    for _ in range(400):
        found = line_of([(steps, 0.5 + 0.1 * steps + chance.gauss(0, 0.1)) for steps in (4, 8, 20) * 3])
        told = 20 * found.seconds(12)
        taken = sum(0.5 + 0.1 * 12 + chance.gauss(0, 0.1) for _ in range(20))
        hits += abs(taken - told) <= found.reach(20, 20 * 12)
    assert 0.92 <= hits / 400 <= 0.98


def test_one_step_count_answers_for_itself_alone() -> None:
    """A hundred pictures at 20 steps say what 20 steps cost, and nothing of 30."""
    found = line_of([(20, 2.0), (20, 2.2), (20, 1.8)])
    assert found.seconds(20) == pytest.approx(2.0)
    assert (found.answers(20), found.answers(30)) == (True, False)


@pytest.mark.parametrize("samples", [[(20, 2.0)], [(10, 1.0), (20, 2.0)]])
def test_too_few_samples_say_nothing(samples: list[tuple[int, float]]) -> None:
    """One batch, or two at two step counts, cannot tell how sure they are: no line."""
    assert Sums.of(samples).line() is None


def test_a_line_says_what_lies_outside_its_steps() -> None:
    """Between the measured step counts it is measured; outside them it is extended."""
    found = line_of([(10, 1.0), (20, 2.0), (30, 3.1)])
    assert [found.measured(steps) for steps in (9, 10, 25, 30, 31)] == [False, True, True, True, False]
    assert found.seconds(0.0) >= 0
