from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import pytest

from farm.report.charges import charged_batches
from farm.report.groups import cost_key, fit_rows, group_rows, samples
from farm.report.load import Attempt, JobData

if TYPE_CHECKING:
    from tests.farm.report.conftest import Farm


def altered(data: JobData, **changes: Any) -> JobData:
    """The job with every batch changed in some fields."""
    return JobData(
        data.job_id,
        tuple(
            Attempt(
                one.name,
                one.record.model_copy(
                    update={"batches": [batch.model_copy(update=changes) for batch in one.record.batches]}
                ),
            )
            for one in data.attempts
        ),
        data.folded,
        data.sessions,
        data.over,
    )


def test_groups_say_what_each_setting_cost(rendered: Farm) -> None:
    """One row per step count, in order, without load and waste."""
    few, many = group_rows(charged_batches(rendered.data()))
    assert (few.steps, many.steps) == (10, 20)
    assert few.model_dump() == {
        "model": "builtin:shapes",
        "scheduler": "euler",
        "size": "64x64",
        "steps": 10,
        "effective_steps": 10,
        "denoiser_calls": 10,
        "guidance_scale": 5.0,
        "gpu": "Test GPU",
        "dtype": "float32",
        "batch_size": 4,
        "images": 4,
        "s_per_image": pytest.approx(1.5),
        "s_per_step": pytest.approx(0.15),
        "usd_per_image": pytest.approx(0.0015),
        "usd_per_step": pytest.approx(0.00015),
    }


def test_groups_count_each_picture_once(rendered: Farm) -> None:
    """A second attempt at the same pictures is no part of what a picture costs."""
    before = group_rows(charged_batches(rendered.data()))
    rendered.record(0, 4, 9, at=150.0)
    assert group_rows(charged_batches(rendered.data())) == before


def test_a_small_last_batch_joins_its_row(farm: Farm) -> None:
    """Batches of three and of one are one row; the larger is named."""
    farm.record(0, 3, 1)
    farm.record(3, 4, 2)
    [row] = group_rows(charged_batches(farm.data()))
    assert (row.images, row.batch_size) == (4, 3)
    assert row.s_per_image == pytest.approx(1.5)


def test_workers_of_another_kind_have_their_own_row(rendered: Farm) -> None:
    """Seconds on one GPU say nothing about another."""
    other = rendered.data().attempts[0].record.worker.model_copy(update={"gpu": "Other GPU", "price_per_hour": None})
    rendered.store.delete(list(rendered.store.list("jobs/mugs/records/4-8")))
    rendered.record(4, 8, 2, worker=other)
    rows = group_rows(charged_batches(rendered.data()))
    assert [(row.gpu, row.usd_per_image is None) for row in rows] == [("Other GPU", True), ("Test GPU", False)]


def test_the_pipelines_own_guidance_is_null(rendered: Farm) -> None:
    """A guidance that nobody gave is not made up, and sorts with numbers."""
    rows = group_rows(charged_batches(altered(rendered.data(), guidance_scale=None)))
    assert [row.guidance_scale for row in rows] == [None, None]


def test_steps_that_nobody_counted_are_those_asked_for(rendered: Farm) -> None:
    """A record without a measured step divides nothing by zero."""
    rows = group_rows(charged_batches(altered(rendered.data(), effective_steps=0, denoiser_calls=0, step_s=[])))
    assert [(row.steps, row.effective_steps) for row in rows] == [(10, 0), (20, 0)]
    assert [row.s_per_step for row in rows] == pytest.approx([0.15, 0.125])


def test_fit_finds_the_cost_model(rendered: Farm) -> None:
    """The batches were made of 0.5 s fixed and 0.1 s per step."""
    [row] = fit_rows(rendered.data())
    assert (row.fixed_s, row.s_per_step) == pytest.approx((0.5, 0.1))
    assert (row.n, row.batch_size) == (2, 4)


def test_two_batches_promise_no_saving(rendered: Farm) -> None:
    """Any two points lie on a line: it has no interval, and nothing is said of fewer steps."""
    [row] = fit_rows(rendered.data())
    assert (row.step_interval, row.compared, row.saved) == (None, None, None)


def test_a_noisy_sweep_still_fits(farm: Farm) -> None:
    """Eight step counts with 10 % of noise still give an R2 over 0.97."""
    chance = random.Random(3)
    sweep = type(farm)(plan=type(farm.plan)(prompts=24, steps=(2, 4, 8, 12, 16, 20, 30, 50)))
    for counter, start in enumerate(range(0, sweep.plan.images, 8)):
        sweep.record(start, start + 8, counter + 1, at=100.0 + 40 * counter)
    data = sweep.data()
    noisy = [
        batch.model_copy(update={"denoise_s": batch.denoise_s * chance.gauss(1, 0.1)})
        for one in data.attempts
        for batch in one.record.batches
    ]
    for one, batch in zip(data.attempts, noisy, strict=True):
        one.record.batches[0] = batch
    [row] = fit_rows(data)
    assert row.r2 > 0.97
    assert row.n == 23
    assert row.compared == (30, 20)


def test_a_warm_up_batch_is_left_out_where_others_stand_for_it(farm: Farm) -> None:
    """A session's first batch compiles and fills caches; it counts only when nothing else shows its step count."""
    farm.record(0, 2, 1, at=100.0)
    farm.record(2, 4, 2, at=110.0)
    farm.record(4, 6, 3, at=120.0)
    [measured] = samples(farm.data()).values()
    assert sorted(steps for steps, _ in measured) == [10, 20]
    farm.store.delete(list(farm.store.list("jobs/mugs/records/2-4")))
    [measured] = samples(farm.data()).values()
    assert sorted(steps for steps, _ in measured) == [10, 20]


def test_partial_batches_do_not_bend_the_line(rendered: Farm) -> None:
    """A batch of another size is another cost model, and one cut by an error is no sample."""
    cut = altered(rendered.data(), batch_size=8)
    assert fit_rows(cut) == ()
    rendered.record(0, 1, 9, at=150.0)
    assert {key.batch_size: len(found) for key, found in samples(rendered.data()).items()} == {4: 2, 1: 1}


def test_what_doubles_a_step_has_a_line_of_its_own(rendered: Farm) -> None:
    """Guidance off, and two calls per step, change the slope."""
    attempt = rendered.data().attempts[0].record
    batch = attempt.batches[0]
    usual = cost_key(batch, attempt.worker)
    heun = cost_key(batch.model_copy(update={"denoiser_calls": 19}), attempt.worker)
    pndm = cost_key(batch.model_copy(update={"denoiser_calls": 11}), attempt.worker)
    unguided = cost_key(batch.model_copy(update={"guidance_scale": 1.0}), attempt.worker)
    assert (usual.calls_per_step, heun.calls_per_step, pndm.calls_per_step) == (1, 2, 1)
    assert (usual.guided, unguided.guided) == (True, False)
