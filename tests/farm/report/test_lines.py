from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from farm.manifest.model import load
from farm.plan.plan import make_plan
from farm.report.lines import error, errors, results
from farm.report.ordered import Lines
from farm.report.tables import IMAGES, Gathered, add_images
from tests.farm.report.oracle import result, same

if TYPE_CHECKING:
    from farm.plan.plan import Plan
    from tests.farm.report.conftest import Farm

RENDER = {
    "model": "builtin:shapes",
    "prompt": ['a "red" circle,\nwith a second line', "größer ☂ 猫"],
    "negative_prompt": "blurry",
    "seed": [0, 2**64 - 1],
    "steps": [4, 12],
    "scheduler": "dpm++2m-karras",
    "guidance_scale": 5.5,
    "size": "96x64",
}


def errors_of(plan: Plan, sentence: str = "it was black") -> bytes:
    """Error rows of every task of a job."""
    with Lines() as lines:
        lines.add(errors((plan.task(position), sentence) for position in range(plan.images)))
        return b"".join(lines.pieces())


def contents(plan: Plan) -> list[dict[str, Any]]:
    """What every task draws, in the user's order."""
    tasks = sorted((plan.task(position) for position in range(plan.images)), key=lambda task: task.index)
    return [task.content() for task in tasks]


def test_error_rows_are_a_manifest_of_the_same_tasks(tmp_path: Path) -> None:
    """Submitting errors.jsonl as it is draws exactly what failed, and carries the error along."""
    plan = make_plan(load({"render": RENDER}))
    path = tmp_path / "errors.jsonl"
    path.write_bytes(errors_of(plan))
    again = make_plan(load(path))
    assert contents(again) == contents(plan)
    assert again.task(0).meta == {"error": "it was black"}


def test_error_rows_of_error_rows_keep_the_users_labels(tmp_path: Path) -> None:
    """Failing twice leaves the labels as they were, and the latest error."""
    path = tmp_path / "tasks.jsonl"
    path.write_text('{"prompt": "a star", "model": "builtin:shapes", "custom_id": "a1", "shelf": 7}\n')
    once = make_plan(load(path))
    path.write_bytes(errors_of(once, "first"))
    twice = make_plan(load(path))
    path.write_bytes(errors_of(twice, "second"))
    task = make_plan(load(path)).task(0)
    assert (task.custom_id, task.meta) == ("a1", {"shelf": 7, "error": "second"})
    assert task.seed == once.task(0).seed


def test_a_hub_revision_stays_in_the_row(farm: Farm) -> None:
    """What is pinned stays pinned; only a folder has no revision."""
    task = farm.plan.task(0)
    assert "revision" not in error(task, "no")
    hub = type(task.pipeline)("org/model", "abc123")
    assert error(_with_pipeline(task, hub), "no")["revision"] == "abc123"


def _with_pipeline(task: Any, pipeline: Any) -> Any:
    return replace(task, pipeline=pipeline)


def lines_of(farm: Farm) -> list[dict[str, Any]]:
    """The results of a job, in the user's order."""
    farm.finish()
    return [json.loads(line) for line in farm.store.get("jobs/mugs/results.jsonl").decode().split("\n")[:-1]]


def test_a_result_line_says_where_and_how_much(farm: Farm) -> None:
    """Shares of the batch, waiting and publishing, and the cost at the worker's price."""
    farm.record(0, 4, 1)
    line = lines_of(farm)[1]
    assert (line["index"], line["custom_id"], line["key"]) == (2, "c1", "jobs/mugs/images/000002.png")
    assert (line["seconds"], line["denoise_s"], line["queued_s"]) == pytest.approx((1.5, 1.0, 2.0))
    assert (line["encode_s"], line["upload_s"]) == (0.01, 0.02)
    assert line["cost_usd"] == pytest.approx(0.0015)


def test_a_result_line_says_what_the_picture_is_of(farm: Farm) -> None:
    """A line describes its picture without the manifest."""
    farm.record(0, 4, 1)
    task, line = farm.plan.task(1), lines_of(farm)[1]
    assert task.content().items() >= {name: line[name] for name in ("prompt", "negative_prompt", "scheduler")}.items()
    assert (line["model"], line["guidance_scale"]) == (task.pipeline.model, task.guidance_scale)


def test_a_line_has_the_fields_in_the_order_people_read_them(farm: Farm) -> None:
    """What the user called it first, then where it is, what it is of, and what it cost."""
    farm.record(0, 4, 1)
    found = result(cast("Plan", farm.plan), farm.record(0, 4, 1), farm.batch(0, 4), farm.image(0, 0))
    assert list(lines_of(farm)[0]) == list(found)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    label=st.text(max_size=5),
    meta=st.dictionaries(st.text(max_size=3), st.integers() | st.text(max_size=5) | st.none() | st.floats(0, 1)),
    guidance=st.none() | st.floats(0, 20),
    price=st.none() | st.floats(0, 9),
)
def test_whatever_a_task_is_called_its_line_is_json(
    farm: Farm, label: str, meta: dict[str, Any], guidance: float | None, price: float | None
) -> None:
    """Quotes, newlines, other alphabets and missing figures come back as they were."""
    worker = farm.worker.model_copy(update={"price_per_hour": price})
    record = farm.record(0, 1, 1, worker=worker)
    task = replace(farm.plan.task(0), prompt=label, negative_prompt=label, custom_id=label or None, meta=meta)
    image = record.images[0].model_copy(update={"custom_id": task.custom_id, "name": f"{label}.png"})
    batch = record.batches[0].model_copy(update={"guidance_scale": guidance})
    record = record.model_copy(update={"images": [image], "batches": [batch]})
    rows = Gathered(IMAGES)
    add_images(rows, record, [(0, 1)], lambda *_: [task])
    [line] = results(rows.frame(), "mugs")["line"]
    assert "\n" not in line
    plan = cast("Plan", SimpleNamespace(task=lambda _: replace(task, guidance_scale=guidance)))
    assert same(json.loads(line), result(plan, record, batch, image))
