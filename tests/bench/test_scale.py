import itertools
import json
import os

from farm import Farm
from tests.bench.scale import Found, lines, peak, product, rows


def found(images: int, first_s: float, *, redis: int = 1_000_000) -> Found:
    """A job whose first picture came after so many seconds."""
    return Found(images, 1.0, 80_000_000, first_s, 90_000_000, redis)


def test_a_product_has_as_many_images_as_asked_for() -> None:
    """Small and large differ in their number of seeds alone."""
    small, large = (product(images, "bench") for images in (10_000, 1_000_000))
    assert Farm.plan(small).images == 10_000
    assert Farm.plan(large).images == 1_000_000
    assert small["render"]["prompt"] == large["render"]["prompt"]


def test_every_line_is_a_task() -> None:
    """Prompts and seeds differ from line to line."""
    first, second = itertools.islice(map(json.loads, lines(2)), 2)
    assert first.keys() == second.keys() == {"prompt", "seed"}
    assert first != second


def test_a_peak_is_at_least_what_is_used_now() -> None:
    """A Python with a test framework has more than ten megabytes."""
    assert peak(os.getpid()) > 10_000_000


def test_goals_are_judged() -> None:
    """A large job whose first picture surely comes later, or that fills Redis, does not pass."""
    small = [found(10, at) for at in (2.0, 2.2, 1.9)]
    fine = {"small": small, "large": [found(1000, at) for at in (2.1, 2.0, 2.2)], "lines": [found(1000, 9.0)]}
    assert [row.met for row in rows(fine)] == [True, True, True, True]
    late = fine | {"large": [found(1000, 4.0, redis=6_000_000)] * 3}
    assert [row.met for row in rows(late)] == [False, True, False, True]
