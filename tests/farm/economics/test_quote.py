from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from farm.economics.costs import CostKey, Costs, Overhead
from farm.economics.quote import Kind, Quote, Unknown, counts, last_end, quote
from farm.economics.student import t_quantile
from farm.economics.sums import Sums
from farm.economics.work import Setting, Work

GPU = "Test GPU"
KEY = CostKey("m", "r1", "64x64", GPU, "float32", 8, guided=True, calls_per_step=1)
SETTING = Setting("q", "m", "r1", "auto", "64x64", "euler", 20, 20, guided=True, calls_per_step=1)
KIND = Kind(GPU, 3.6, 1, {"q": 1})
#: Half of the relative interval in which jobs usually differ, where none says more.
DRIFT = 0.03 * t_quantile(0.975, 4)
#: Exactly 0.5 s fixed and 0.1 s per step and image.
EXACT = Sums.of([(steps, 0.5 + 0.1 * steps) for steps in (10, 20, 30)])
COSTS = Costs(sums={KEY: EXACT}, loads={("m", "r1", GPU): 7.0}, prices={GPU: 1.8}, jobs=1)


def work(*ranges: tuple[int, int], size: int = 8, setting: Setting = SETTING) -> Work:
    """Ranges of so many batches of one size, and how many such ranges."""
    return Work(Counter({(((setting, size), each),): times for each, times in ranges}), 8)


def told(found: Quote | Unknown) -> Quote:
    """A quote that was to be had."""
    assert isinstance(found, Quote), found
    return found


def why(found: Quote | Unknown) -> str:
    """Why there is none."""
    assert isinstance(found, Unknown)
    return " ".join(found.reasons)


def test_a_quote_is_images_times_the_line() -> None:
    """80 images of 2.5 s are 200 s, and at 3.60 an hour 0.20; without noise, jobs still differ by the usual 3 %."""
    found = told(quote(work((2, 5)), COSTS, [KIND]))
    assert found.to_json() == pytest.approx(
        {"seconds": 200.0, "usd": 0.2, "low": 200 - DRIFT * 200, "high": 200 + DRIFT * 200}
    )
    assert found.wall_s == pytest.approx(200.0)
    [group] = found.groups
    assert (group.images, group.seconds) == pytest.approx((80, 200.0))


def test_ranges_are_not_shared_between_workers() -> None:
    """Five ranges of 40 s on four workers: one of them does two, and the job takes 80 s, not 50."""
    found = told(quote(work((2, 5)), COSTS, [replace(KIND, workers=4, loaded={"q": 4})]))
    assert [each.workers for each in found.options] == [1, 2, 4]
    assert [each.wall_s for each in found.options] == pytest.approx([200.0, 120.0, 80.0])


def test_workers_that_hold_nothing_load_first() -> None:
    """A load of seven seconds for each of two workers, of which one has it already."""
    found = told(quote(work((2, 4)), COSTS, [replace(KIND, workers=2)]))
    assert found.seconds == pytest.approx(160 + 7)


def test_overhead_of_the_farm_is_in_it() -> None:
    """Five per cent beyond the batches is paid for; waits between ranges take time and cost nothing."""
    costs = replace(COSTS, overheads={GPU: Overhead(busy=1.05, wall=1.1)})
    found = told(quote(work((2, 5)), costs, [KIND]))
    assert (found.seconds, found.wall_s) == pytest.approx((210.0, 231.0))


def test_noise_makes_an_interval_around_the_quote() -> None:
    """Measurements that differ give a range, on both sides alike; jobs that differ widen it."""
    noisy = Sums.of([(steps, (0.5 + 0.1 * steps) * scale) for steps in (10, 20, 30) for scale in (0.9, 1.0, 1.1)])
    once = told(quote(work((2, 5)), replace(COSTS, sums={KEY: noisy}), [KIND]))
    assert once.low < once.seconds < once.high
    assert once.high - once.seconds == pytest.approx(once.seconds - once.low)
    drifting = replace(COSTS, sums={KEY: noisy}, drift={GPU: (0.1, 8)})
    assert told(quote(work((2, 5)), drifting, [KIND])).high > once.high


def test_workers_of_two_kinds_share_by_speed() -> None:
    """A device twice as fast takes two thirds; its price counts for its share."""
    fast = Sums.of([(steps, 0.25 + 0.05 * steps) for steps in (10, 20, 30)])
    costs = replace(COSTS, sums={KEY: EXACT, KEY._replace(gpu="Fast"): fast})
    found = told(quote(work((2, 60)), costs, [KIND, Kind("Fast", 7.2, 1, {"q": 1})]))
    assert found.seconds == pytest.approx(800 + 800)
    assert found.usd == pytest.approx(800 * 3.6 / 3600 + 800 * 7.2 / 3600)
    assert found.wall_s == pytest.approx(800)


def test_without_a_price_there_is_no_cost() -> None:
    """Seconds are known, money is not, and nothing is invented."""
    found = told(quote(work((2, 5)), COSTS, [replace(KIND, price_per_hour=None)]))
    assert found.seconds == pytest.approx(200.0)
    assert found.usd is None
    assert all(each.usd is None for each in found.options)


def test_without_workers_the_known_kinds_are_quoted_and_said() -> None:
    """The night can be planned before the workers are rented."""
    found = told(quote(work((2, 5)), COSTS, [replace(KIND, workers=0, loaded={})]))
    assert found.seconds == pytest.approx(207.0)
    assert "No worker is alive" in found.notes[0]
    assert [each.workers for each in found.options] == [1, 2, 4, 8]


@pytest.mark.parametrize(
    ("changes", "size", "said"),
    [
        ({"size": "32x32"}, 8, "m at 32x32 on Test GPU was never measured"),
        ({"model": "other"}, 8, "other at 64x64 on Test GPU was never measured"),
        ({"revision": "r2"}, 8, "never measured"),
        ({"guided": False}, 8, "never measured"),
        ({"calls_per_step": 2}, 8, "never measured"),
        ({"dtype": "float16"}, 8, "never measured"),
        ({}, 4, "was measured in batches of 8 only: nothing is known of batches of 4"),
    ],
)
def test_what_was_not_measured_is_unknown(changes: dict[str, Any], size: int, said: str) -> None:
    """Another size, model, revision, guidance, sampler, dtype or batch is never guessed from what is like it."""
    assert said in why(quote(work((1, 1), size=size, setting=SETTING._replace(**changes)), COSTS, [KIND]))


def test_one_unknown_worker_makes_the_whole_unknown() -> None:
    """It would take part of the job, and nobody knows how much."""
    assert "on New GPU was never measured" in why(quote(work((1, 1)), COSTS, [KIND, Kind("New GPU", None, 1, {})]))


def test_nothing_measured_at_all() -> None:
    """A new farm says so."""
    assert "no job of this farm has been measured" in why(quote(work((1, 1)), Costs(), []))


def test_one_step_count_quotes_itself_alone() -> None:
    """Twenty steps were measured, so twenty are known; thirty are not, without a second step count."""
    costs = replace(COSTS, sums={KEY: Sums.of([(20, 2.5)] * 3)})
    assert told(quote(work((1, 1)), costs, [KIND])).seconds == pytest.approx(20.0)
    more = SETTING._replace(steps=30, effective_steps=30)
    assert "measured at 20 steps only" in why(quote(work((1, 1), setting=more), costs, [KIND]))


def test_steps_beyond_the_measured_ones_are_said() -> None:
    """A line may be extended, not silently."""
    more = SETTING._replace(steps=50, effective_steps=50)
    found = told(quote(work((1, 1), setting=more), COSTS, [KIND]))
    assert found.notes == ("50 steps lie outside the measured 10-30.",)


def test_a_dtype_that_the_worker_chooses_must_be_one() -> None:
    """Measured in two dtypes, `auto` could be either."""
    costs = replace(COSTS, sums={KEY: EXACT, KEY._replace(dtype="float16"): EXACT})
    assert "say which with render.dtype" in why(quote(work((1, 1)), costs, [KIND]))
    plain = SETTING._replace(dtype="float32")
    assert told(quote(work((1, 1), setting=plain), costs, [KIND])).seconds == pytest.approx(20.0)


def test_a_rest_beside_full_batches_lies_between_its_share_and_a_full_one() -> None:
    """Four images in a batch of their own: between 10 s and 20 s, and the interval says so."""
    rest = Work(Counter({(((SETTING, 4), 1), ((SETTING, 8), 4)): 1}), 8)
    found = told(quote(rest, COSTS, [KIND]))
    assert (found.seconds, found.low, found.high) == pytest.approx((95.0, 90 - DRIFT * 95, 100 + DRIFT * 95))
    assert "Batches of 4 at 64x64 were not measured" in found.notes[0]


@given(st.integers(1, 300))
def test_counts_double_up_to_all_workers(most: int) -> None:
    """1, 2, 4, …, and the number of workers itself."""
    found = counts(most)
    assert (found[0], found[-1]) == (1, most)
    assert found == sorted(set(found))
    assert len(found) <= most.bit_length() + 1


@settings(deadline=None)
@given(st.lists(st.tuples(st.floats(0.1, 100), st.integers(1, 50)), min_size=1, max_size=6), st.integers(1, 40))
def test_the_last_worker_ends_between_its_bounds(lengths: list[tuple[float, int]], workers: int) -> None:
    """No sooner than the work shared evenly or the longest range; no later than that and one more range."""
    total, longest = sum(each * times for each, times in lengths), max(each for each, _ in lengths)
    end = last_end(lengths, workers)
    assert max(total / workers, longest) * (1 - 1e-9) <= end <= (total / workers + longest) * (1 + 1e-9)


def test_more_ranges_than_are_dealt_end_about_when_they_should() -> None:
    """A million ranges are not dealt out one by one; the bound is within a range of the truth."""
    assert last_end([(2.0, 1_000_000)], 10) == pytest.approx(200_000, abs=2.0)
