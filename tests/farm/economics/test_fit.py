import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import linregress  # type: ignore[import-untyped]
from scipy.stats import t as student

from farm.economics.fit import Fit, comparison, fit, saving

SWEEP = (2, 4, 8, 12, 16, 20, 30, 50)
MODERATE = st.floats(0.001, 10.0)


def fitted(steps: list[float], seconds: list[float]) -> Fit:
    """A fit that must be there."""
    line = fit(steps, seconds)
    assert line is not None
    return line


def line(fixed: float, per_step: float) -> Fit:
    """An exact line through 10, 20 and 30 steps."""
    steps = [10.0, 20.0, 30.0]
    return fitted(steps, [fixed + per_step * step for step in steps])


@settings(deadline=None)
@given(MODERATE, MODERATE, st.sets(st.integers(1, 150), min_size=3, max_size=9))
def test_an_exact_line_is_found_again(fixed: float, per_step: float, steps: set[int]) -> None:
    """Without noise the fit is the line, explains everything and is sure of it."""
    xs = sorted(float(step) for step in steps)
    found = fitted(xs, [fixed + per_step * x for x in xs])
    assert found.fixed_s == pytest.approx(fixed, abs=1e-6)
    assert found.s_per_step == pytest.approx(per_step, rel=1e-6)
    assert found.r2 == pytest.approx(1.0)
    assert (found.n, found.fewest, found.most) == (len(xs), xs[0], xs[-1])


def test_noisy_fit_agrees_with_scipy() -> None:
    """Coefficients, R2 and both 95 % intervals are those of a statistics package."""
    chance = random.Random(5)
    steps = [float(step) for step in SWEEP for _ in range(3)]
    seconds = [(0.03 + 0.01 * step) * chance.gauss(1, 0.05) for step in steps]
    found, expected = fitted(steps, seconds), linregress(steps, seconds)
    reach = student.ppf(0.975, len(steps) - 2)
    assert (found.fixed_s, found.s_per_step) == pytest.approx((expected.intercept, expected.slope))
    assert found.r2 == pytest.approx(expected.rvalue**2)
    assert found.step_interval == pytest.approx(
        (expected.slope - reach * expected.stderr, expected.slope + reach * expected.stderr), rel=1e-4
    )
    assert found.fixed_interval == pytest.approx(
        (
            expected.intercept - reach * expected.intercept_stderr,
            expected.intercept + reach * expected.intercept_stderr,
        ),
        rel=1e-4,
    )


def test_intervals_hold_the_truth_about_as_often_as_they_say() -> None:
    """Of 400 noisy sweeps some 95 % give an interval that holds the true slope."""
    chance = random.Random(1)
    steps = [float(step) for step in SWEEP]
    hits = 0
    for _ in range(400):
        interval = fitted(steps, [0.5 + 0.1 * step + chance.gauss(0, 0.2) for step in steps]).step_interval
        hits += interval is not None and interval[0] <= 0.1 <= interval[1]
    assert 0.92 <= hits / 400 <= 0.98


@pytest.mark.parametrize(("steps", "seconds"), [([], []), ([20.0], [1.0]), ([20.0, 20.0, 20.0], [1.0, 1.1, 0.9])])
def test_one_step_count_makes_no_line(steps: list[float], seconds: list[float]) -> None:
    """A slope needs two step counts; a guess is worse than none."""
    assert fit(steps, seconds) is None


def test_two_samples_make_a_line_without_an_interval() -> None:
    """Any two points lie on a line, so nothing is known about how sure it is."""
    found = fitted([10.0, 20.0], [1.5, 2.5])
    assert (found.fixed_s, found.s_per_step) == pytest.approx((0.5, 0.1))
    assert found.fixed_interval is None
    assert found.step_interval is None


def test_equal_seconds_explain_nothing() -> None:
    """When steps cost nothing at all there is no variance to explain, and no division by it."""
    found = fitted([10.0, 20.0, 30.0], [2.0, 2.0, 2.0])
    assert (found.s_per_step, found.r2) == (0.0, 0.0)


def test_the_fixed_part_makes_fewer_steps_save_less() -> None:
    """With 0.5 s fixed and 0.1 s per step, 20 instead of 30 steps saves 1 s of 3.5 s: 29 %, not 33 %."""
    assert saving(line(0.5, 0.1), before=30, after=20) == pytest.approx(1 / 3.5)
    assert saving(line(0.0, 0.1), before=30, after=20) == pytest.approx(1 / 3)


@settings(deadline=None)
@given(MODERATE, MODERATE, st.integers(2, 150), st.integers(1, 149))
def test_saving_never_beats_the_steps(fixed: float, per_step: float, before: int, less: int) -> None:
    """However large the fixed part, the saving is positive and below the share of the steps."""
    after = max(1, before - less)
    if after < before:
        assert 0 < saving(line(fixed, per_step), before=before, after=after) <= 1 - after / before + 1e-9


def test_seconds_follow_the_line() -> None:
    """The model answers for any step count."""
    assert line(0.5, 0.1).seconds(15) == pytest.approx(2.0)


@pytest.mark.parametrize(
    ("measured", "pair"),
    [((2, 20, 30, 50), (30, 20)), ((12, 50), (30, 20)), ((4, 2, 8), (8, 4)), ((25, 50), (50, 25))],
)
def test_comparison_stays_within_what_was_measured(measured: tuple[int, ...], pair: tuple[int, int]) -> None:
    """30 -> 20 where the line spans both, else the two highest step counts of the job."""
    steps = [float(step) for step in measured]
    assert comparison(fitted(steps, [0.1 * step for step in steps]), measured) == pair
