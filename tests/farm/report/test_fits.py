from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import pytest

from farm.report.fits import Fits, cost_key

if TYPE_CHECKING:
    from collections.abc import Iterable

    from farm.report.measured import Batch
    from tests.farm.report.conftest import Farm


def fits_of(batches: Iterable[Batch], **changes: Any) -> Fits:
    """The samples of some batches, changed in some fields."""
    fits = Fits()
    for batch in batches:
        fits.add(batch._replace(**changes))
    return fits


def test_fit_finds_the_cost_model(rendered: Farm) -> None:
    """The batches were made of 0.5 s fixed and 0.1 s per step."""
    [row] = fits_of(rendered.batches()).rows()
    assert (row.fixed_s, row.s_per_step) == pytest.approx((0.5, 0.1))
    assert (row.n, row.batch_size) == (2, 4)


def test_two_batches_promise_no_saving(rendered: Farm) -> None:
    """Any two points lie on a line: it has no interval, and nothing is said of fewer steps."""
    [row] = fits_of(rendered.batches()).rows()
    assert (row.step_interval, row.compared, row.saved) == (None, None, None)


def test_a_noisy_sweep_still_fits(farm: Farm) -> None:
    """Eight step counts with 10 % of noise still give an R2 over 0.97."""
    chance = random.Random(3)
    sweep = type(farm)(plan=type(farm.plan)(prompts=24, steps=(2, 4, 8, 12, 16, 20, 30, 50)))
    for counter, start in enumerate(range(0, sweep.plan.images, 8)):
        sweep.record(start, start + 8, counter + 1, at=100.0 + 40 * counter)
    noisy = [one._replace(denoise_s=one.denoise_s * chance.gauss(1, 0.1)) for one in sweep.batches()]
    [row] = fits_of(noisy).rows()
    assert row.r2 > 0.97
    assert row.n == 23
    assert row.compared == (30, 20)


def test_a_warm_up_batch_is_left_out_where_others_stand_for_it(farm: Farm) -> None:
    """A session's first batch compiles and fills caches; it counts only when nothing else shows its step count."""
    farm.record(0, 2, 1, at=100.0)
    farm.record(2, 4, 2, at=110.0)
    farm.record(4, 6, 3, at=120.0)
    [measured] = fits_of(farm.batches()).samples().values()
    assert sorted(steps for steps, _ in measured) == [10, 20]
    farm.store.delete(list(farm.store.list("jobs/mugs/records/2-4")))
    [measured] = fits_of(farm.batches()).samples().values()
    assert sorted(steps for steps, _ in measured) == [10, 20]


def test_partial_batches_do_not_bend_the_line(rendered: Farm) -> None:
    """A batch of another size is another cost model, and one cut by an error is no sample."""
    assert fits_of(rendered.batches(), batch_size=8).rows() == ()
    rendered.record(0, 1, 9, at=150.0)
    assert {key.batch_size: len(found) for key, found in fits_of(rendered.batches()).samples().items()} == {4: 2, 1: 1}


def test_what_doubles_a_step_has_a_line_of_its_own(rendered: Farm) -> None:
    """Guidance off, and two calls per step, change the slope."""
    batch = rendered.batches()[0]
    usual = cost_key(batch)
    heun = cost_key(batch._replace(denoiser_calls=19))
    pndm = cost_key(batch._replace(denoiser_calls=11))
    unguided = cost_key(batch._replace(guidance_scale=1.0))
    assert (usual.calls_per_step, heun.calls_per_step, pndm.calls_per_step) == (1, 2, 1)
    assert (usual.guided, unguided.guided) == (True, False)


def test_the_order_of_the_batches_changes_nothing(farm: Farm) -> None:
    """A session's first batch is the one that began first, wherever its record stands in the tables."""
    for counter, (start, at) in enumerate([(0, 130.0), (1, 120.0), (2, 110.0), (3, 100.0), (4, 140.0), (6, 150.0)]):
        farm.record(start, start + 1, counter + 1, at=at)
    batches = farm.batches()
    forward, backward = (fits_of(found).samples() for found in (batches, reversed(batches)))
    assert {key: sorted(found) for key, found in forward.items()} == {
        key: sorted(found) for key, found in backward.items()
    }
    assert sum(map(len, forward.values())) == 5
