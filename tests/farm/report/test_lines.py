from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from farm.manifest.model import load
from farm.plan.plan import make_plan
from farm.report.lines import error, result, shares, to_jsonl

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
    tasks = (plan.task(position) for position in range(plan.images))
    return to_jsonl({task.index: error(task, sentence) for task in tasks})


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
    from dataclasses import replace

    return replace(task, pipeline=pipeline)


def test_a_result_line_says_where_and_how_much(farm: Farm) -> None:
    """Shares of the batch, waiting and publishing, and the cost at the worker's price."""
    record = farm.record(0, 4, 1)
    line = result(farm.plan.task(1), record, record.batches[0], record.images[1])
    assert (line["index"], line["custom_id"], line["key"]) == (2, "c1", "jobs/mugs/images/000002.png")
    assert (line["seconds"], line["denoise_s"], line["queued_s"]) == pytest.approx((1.5, 1.0, 2.0))
    assert (line["encode_s"], line["upload_s"]) == (0.01, 0.02)
    assert line["cost_usd"] == pytest.approx(0.0015)


def test_a_result_line_says_what_the_picture_is_of(farm: Farm) -> None:
    """A line describes its picture without the manifest."""
    record, task = farm.record(0, 4, 1), farm.plan.task(1)
    line = result(task, record, record.batches[0], record.images[1])
    assert task.content().items() >= {name: line[name] for name in ("prompt", "negative_prompt", "scheduler")}.items()
    assert (line["model"], line["guidance_scale"]) == (task.pipeline.model, task.guidance_scale)


def test_shares_of_a_cut_batch_are_those_of_the_whole_call(farm: Farm) -> None:
    """A picture costs one batch_size-th, however the record was cut."""
    batch = farm.batch(0, 4)
    assert shares(batch.model_copy(update={"stop": 1})) == shares(batch)


@settings(deadline=None)
@given(st.dictionaries(st.integers(0, 99), st.fixed_dictionaries({"prompt": st.text()})))
def test_json_lines_are_one_line_each_in_order(lines: dict[int, dict[str, str]]) -> None:
    """Whatever a prompt holds, there is one line per task, in UTF-8, in the order of the index."""
    data = to_jsonl(lines)
    assert [json.loads(line) for line in data.split(b"\n")[:-1]] == [lines[index] for index in sorted(lines)]
    assert data.count(b"\n") == len(lines)
