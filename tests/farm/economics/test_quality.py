from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from farm.economics.quality import (
    SURE,
    TOLERANCE,
    Curve,
    Score,
    Setting,
    Why,
    confidence,
    curves,
    marginal,
    order,
    saved,
    sweet_spot,
)

SETTING = Setting("builtin:shapes", "euler", "64x64")
STEPS = (5, 10, 20, 30, 40, 50)


def chain(
    places: list[float], *, number: int = 0, steps: tuple[int, ...] = STEPS, setting: Setting = SETTING
) -> list[Score]:
    """Scores of pictures that stand on a line: what is `d` apart is alike by ``1 - d * d``."""

    def alike(one: int, other: int) -> float:
        return 1 - (places[one] - places[other]) ** 2

    last = len(steps) - 1
    return [
        Score(setting, number, steps[place], steps[-1], alike(place, last), 40.0, alike(place, place + 1))
        for place in range(last)
    ]


def converging(power: float, *, chains: int = 8, size: float = 2.0, steps: tuple[int, ...] = STEPS) -> list[Score]:
    """Chains whose error falls with a power of the steps, each a little larger than the one before."""
    return [
        score
        for number in range(chains)
        for score in chain([(size + number / 50) / each**power for each in steps], number=number, steps=steps)
    ]


def scattered(seed: int, *, chains: int = 8) -> list[Score]:
    """Chains whose pictures are all equally unlike each other, but for chance."""
    chance = random.Random(seed)
    return [
        Score(SETTING, number, steps, 50, chance.gauss(0.8, 0.03), 20.0, chance.gauss(0.8, 0.03))
        for number in range(chains)
        for steps in STEPS[:-1]
    ]


def only(scores: list[Score]) -> Curve:
    """The one curve of these scores."""
    [curve] = curves(scores)
    return curve


def test_a_curve_that_flattens_has_a_sweet_spot() -> None:
    """The fewest steps within the tolerance of the plateau, surely; the plateau is not the reference's 1."""
    curve = only(converging(1.0))
    found = sweet_spot(curve)
    assert (found.why, found.steps) == (Why.FOUND, 20)
    assert found.plateau == pytest.approx(1, abs=0.001)
    assert found.plateau is not None
    assert found.plateau < 1
    assert found.ssim is not None
    assert found.plateau - found.ssim < TOLERANCE
    assert found.confidence is not None
    assert found.confidence > SURE


@pytest.mark.parametrize("power", [0.8, 1.0, 2.0])
def test_the_order_of_convergence_is_found(power: float) -> None:
    """The power that the pictures' errors fall with is the power that comes out."""
    assert order(only(converging(power, size=2 * 10 ** (power - 1)))) == pytest.approx(power, rel=0.15)


@given(st.integers(0, 10_000))
def test_pictures_that_do_not_converge_are_recognised(seed: int) -> None:
    """Chance never makes a sweet spot of pictures that are all equally unlike, whatever the sampler is called."""
    assert sweet_spot(only(scattered(seed))).why is Why.DIVERGES


def test_a_stochastic_sampler_has_none_by_its_class() -> None:
    """Even where its pictures look as if they came to rest."""
    found = sweet_spot(only(converging(1.0)), stochastic=True)
    assert (found.why, found.steps, found.confidence) == (Why.STOCHASTIC, None, None)


def test_a_curve_that_still_rises_says_so() -> None:
    """Counts that go on changing have no plateau, and the reference, alike to itself, does not make one."""
    found = sweet_spot(only(converging(1.0, size=60.0)))
    assert (found.why, found.steps) == (Why.RISING, None)
    near = sweet_spot(only(converging(1.0, size=6.0, steps=(5, 10, 20, 45, 50))))
    assert (near.why, near.steps) == (Why.RISING, None)
    assert near.plateau is not None
    assert near.plateau > 0.999


def test_two_counts_that_are_alike_far_below_the_reference_are_no_plateau() -> None:
    """20 and 22 steps look the same, and 60 does not: nobody knows what comes between."""
    found = sweet_spot(only(converging(1.0, size=8.0, steps=(20, 22, 60))))
    assert (found.why, found.steps) == (Why.RISING, None)


def test_two_step_counts_are_too_few() -> None:
    """One count below the reference cannot flatten."""
    assert sweet_spot(only(converging(1.0, steps=(10, 50)))).why is Why.SHORT
    assert sweet_spot(only(converging(1.0, steps=(20, 40, 50)))).why is Why.FOUND


def test_one_chain_is_no_evidence() -> None:
    """A single prompt and seed has no spread, and so no sweet spot."""
    found = sweet_spot(only(converging(1.0, chains=1)))
    assert (found.why, found.confidence) == (Why.UNSURE, None)


def test_chains_that_differ_too_much_are_not_sure() -> None:
    """Within the tolerance on average, with one chain far below: named, and not recommended."""
    scores = [score for number in range(3) for score in chain([0.02, 0.01, 0.01, 0.0, 0.0, 0.0], number=number)]
    scores += chain([0.5, 0.4, 0.26, 0.22, 0.0, 0.0], number=3)
    found = sweet_spot(only(scores))
    assert (found.why, found.steps) == (Why.UNSURE, 20)
    assert found.confidence is not None
    assert 0.5 < found.confidence < SURE


@given(st.lists(st.floats(-0.05, 0.05), min_size=2, max_size=30), st.floats(0.001, 0.1), st.floats(0.001, 0.1))
def test_confidence_is_a_probability_that_grows_with_the_tolerance(gaps: list[float], one: float, other: float) -> None:
    """Between 0 and 1, and never less sure of more room."""
    low, high = sorted((one, other))
    less, more = confidence(gaps, low), confidence(gaps, high)
    assert less is not None
    assert more is not None
    assert 0 <= less <= more <= 1


def test_confidence_is_students() -> None:
    """Mean 0.01 with a standard error of 0.005 is 0.01 from 0.02: t = 2 with 3 degrees, 93 %; at the mean, 50 %."""
    gaps = [0.0, 0.005, 0.015, 0.02]
    error = 0.00456435464587638
    assert confidence(gaps, 0.01 + 2 * error) == pytest.approx(0.93034, abs=1e-4)
    assert confidence(gaps, 0.01) == pytest.approx(0.5, abs=1e-6)
    assert confidence([0.0, 0.0], 0.0) == 1
    assert confidence([0.1], 1.0) is None


def test_confidence_keeps_what_it_promises() -> None:
    """Of samples whose true mean lies on the tolerance, about 5 % call themselves 95 % sure."""
    chance = random.Random(7)
    samples = [[chance.gauss(TOLERANCE, 0.01) for _ in range(6)] for _ in range(2000)]
    wrong = sum((confidence(gaps, TOLERANCE) or 0) >= SURE for gaps in samples)
    assert 0.035 < wrong / len(samples) < 0.065


@given(st.permutations(range(8)))
def test_the_order_of_the_chains_is_nothing(numbers: list[int]) -> None:
    """Scores in another order are the same finding."""
    scores = converging(1.0)
    renamed = [score._replace(chain=numbers[score.chain]) for score in reversed(scores)]
    one, other = sweet_spot(only(scores)), sweet_spot(only(renamed))
    assert (other.why, other.steps) == (one.why, one.steps)
    assert other.confidence == pytest.approx(one.confidence)


@given(st.floats(0.005, 0.03), st.floats(0.005, 0.03))
def test_a_wider_tolerance_never_asks_for_more_steps(one: float, other: float) -> None:
    """The sweet spot falls as more difference is allowed."""
    narrow, wide = (sweet_spot(only(converging(1.0)), tolerance=each).steps for each in sorted((one, other)))
    assert narrow is not None
    assert wide is not None
    assert wide <= narrow


def test_curves_are_of_whole_chains() -> None:
    """Settings ascend; a chain with other step counts than most is left out."""
    other = SETTING._replace(scheduler="ddim")
    scores = converging(1.0, chains=3) + chain([0.5, 0.1, 0.0], number=9, steps=(5, 30, 50))
    scores += chain([0.1, 0.05, 0.0], steps=(5, 10, 20), setting=other)
    found = curves(scores)
    assert [(each.setting.scheduler, each.chains, each.most) for each in found] == [("ddim", 1, 20), ("euler", 3, 50)]
    assert list(found[1].ssim) == [5, 10, 20, 30, 40]
    assert curves([]) == ()


def test_saved_is_a_share_of_the_cost_not_of_the_steps() -> None:
    """The fixed part stays; without a cost of the most steps nothing is said."""
    cost = {steps: 0.5 + 0.1 * steps for steps in STEPS}
    assert saved(cost, steps=20, most=50) == pytest.approx(3 / 5.5)
    assert saved(cost, steps=50, most=50) == 0
    assert saved({20: 1.0}, steps=20, most=50) is None
    assert saved({20: 1.0, 50: 0.0}, steps=20, most=50) is None


def test_marginal_quality_falls_as_the_curve_flattens() -> None:
    """Gain over the count below per unit of cost; none for the first, none for the reference."""
    curve = only(converging(1.0))
    found = marginal(curve, {steps: steps / 100 for steps in STEPS})
    assert list(found) == [10, 20, 30, 40]
    assert list(found.values()) == sorted(found.values(), reverse=True)
    assert marginal(curve, {5: 1.0, 10: 1.0, 20: 2.0}) == {20: pytest.approx(found[20] * 0.1)}
