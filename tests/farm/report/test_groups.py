from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from farm.report.groups import Groups

if TYPE_CHECKING:
    from farm.report.values import GroupRow
    from tests.farm.report.conftest import Farm


def rows(farm: Farm, **changes: Any) -> tuple[GroupRow, ...]:
    """The rows of a job, every batch changed in some fields."""
    groups = Groups()
    for batch in farm.batches():
        groups.add(batch._replace(**changes))
    return groups.rows()


def test_groups_say_what_each_setting_cost(rendered: Farm) -> None:
    """One row per step count, in order, without load and waste."""
    few, many = rows(rendered)
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
    before = rows(rendered)
    rendered.record(0, 4, 9, at=150.0)
    assert rows(rendered) == before


def test_a_small_last_batch_joins_its_row(farm: Farm) -> None:
    """Batches of three and of one are one row; the larger is named."""
    farm.record(0, 3, 1)
    farm.record(3, 4, 2)
    [row] = rows(farm)
    assert (row.images, row.batch_size) == (4, 3)
    assert row.s_per_image == pytest.approx(1.5)


def test_workers_of_another_kind_have_their_own_row(rendered: Farm) -> None:
    """Seconds on one GPU say nothing about another."""
    other = rendered.worker.model_copy(update={"gpu": "Other GPU", "price_per_hour": None})
    rendered.store.delete(list(rendered.store.list("jobs/mugs/records/4-8")))
    rendered.record(4, 8, 2, worker=other)
    found = rows(rendered)
    assert [(row.gpu, row.usd_per_image is None) for row in found] == [("Other GPU", True), ("Test GPU", False)]


def test_the_pipelines_own_guidance_is_null(rendered: Farm) -> None:
    """A guidance that nobody gave is not made up, and sorts with numbers."""
    found = rows(rendered, guidance_scale=None)
    assert [row.guidance_scale for row in found] == [None, None]


def test_steps_that_nobody_counted_are_those_asked_for(rendered: Farm) -> None:
    """A record without a measured step divides nothing by zero."""
    found = rows(rendered, effective_steps=0, denoiser_calls=0)
    assert [(row.steps, row.effective_steps) for row in found] == [(10, 0), (20, 0)]
    assert [row.s_per_step for row in found] == pytest.approx([0.15, 0.125])


def test_a_cut_batch_is_charged_by_its_pictures(farm: Farm) -> None:
    """A record that holds three of a batch of four carries the whole call's seconds, and pays three quarters."""
    farm.record(0, 4, 1)
    [whole], [cut] = rows(farm), rows(farm, stop=3, won=3)
    assert (whole.images, cut.images) == (4, 3)
    assert cut.s_per_image == whole.s_per_image == pytest.approx(1.5)


def test_steps_count_pictures_that_count(rendered: Farm) -> None:
    """Four pictures of ten steps and four of twenty; a batch that came too late has none."""
    rendered.record(0, 4, 9, at=150.0)
    groups = Groups()
    for batch in rendered.batches():
        groups.add(batch)
    assert groups.steps == 120
