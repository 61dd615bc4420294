"""Plans of tables: one factor of many columns, sorted once, read by the part."""

import json
import tempfile
import time
import tracemalloc
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from farm.errors import ManifestError, StoreError
from farm.manifest.model import load
from farm.manifest.task import RenderTask
from farm.plan import rows
from farm.plan.plan import Plan, make_plan
from farm.plan.resolve import resolve_space

_ROW = st.fixed_dictionaries(
    {"prompt": st.sampled_from(["a", "b", "ü ☕"])},
    optional={
        "seed": st.integers(0, 2**64 - 1),
        "steps": st.sampled_from([10, 20, 30]),
        "size": st.sampled_from(["64x64", "64x128"]),
        "model": st.sampled_from(["org/sdxl-a", "org/sdxl-b"]),
        "scheduler": st.sampled_from(["euler", "ddim"]),
        "guidance_scale": st.sampled_from([1, 7.5]),
        "custom_id": st.text("xyz", min_size=1, max_size=3),
        "tag": st.one_of(st.integers(), st.lists(st.text(max_size=2), max_size=2)),
    },
)
_TABLES = st.lists(_ROW, min_size=1, max_size=25)
_SLOW = [HealthCheck.too_slow, HealthCheck.function_scoped_fixture]


@pytest.fixture
def _small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Parts of four rows, from the fourth row on."""
    monkeypatch.setattr(rows, "PART", 4)
    monkeypatch.setattr(rows, "_INLINE_ROWS", 3)


def planned(table: list[dict[str, Any]], *overrides: str) -> tuple[Plan, list[RenderTask]]:
    """The plan of a table and its tasks in the user's order."""
    model = [] if all("model" in row for row in table) else ["render.model=org/sdxl-a"]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "tasks.jsonl"
        path.write_text("\n".join(json.dumps(row) for row in table), encoding="utf-8")
        manifest = load(path, overrides=[*model, *overrides])
        return make_plan(manifest), list(resolve_space(manifest)[0])


@settings(max_examples=80, deadline=None, suppress_health_check=_SLOW)
@given(_TABLES)
def test_a_table_is_sorted_stably_by_its_keys(table: list[dict[str, Any]]) -> None:
    """Group by group and batch key by batch key, each where it first appears, the user's order inside."""
    plan, tasks = planned(table)
    groups: dict[Any, int] = {}
    batches: dict[Any, int] = {}
    ranks = {}
    for task in tasks:
        group = groups.setdefault((task.pipeline, task.width, task.height), len(groups))
        ranks[task.index] = group, batches.setdefault(task.batch_key, len(batches)), task.index
    assert plan.tasks(0, plan.images) == sorted(tasks, key=lambda task: ranks[task.index])


@settings(max_examples=40, deadline=None, suppress_health_check=_SLOW)
@given(_TABLES, st.sampled_from([(), ("render.seed=1-3",), ("render.steps=[20, 10]",)]))
@pytest.mark.usefixtures("_small_parts")
def test_a_table_in_parts_is_the_same_table(table: list[dict[str, Any]], overrides: tuple[str, ...]) -> None:
    """Whatever the rows hold, reading them back part by part gives the same tasks."""
    plan, tasks = planned(table, *overrides)
    again = Plan.from_json(plan.to_json(), read=plan.objects.__getitem__)
    found = again.tasks(0, again.images)
    assert found == plan.tasks(0, plan.images)
    assert sorted(found, key=lambda task: task.index) == tasks
    assert bool(plan.objects) == (len(table) > 3)
    assert again.to_json() == plan.to_json()


@pytest.mark.usefixtures("_small_parts")
def test_many_threads_read_one_plan() -> None:
    """A worker prepares, renders and publishes from several threads."""
    plan, _ = planned([{"prompt": f"mug {number}", "seed": number} for number in range(200)])
    again = Plan.from_json(plan.to_json(), read=plan.objects.__getitem__)
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(again.task, [*range(200), *reversed(range(200))]))
    assert found[:200] == found[:199:-1] == plan.tasks(0, 200)


@pytest.mark.usefixtures("_small_parts")
def test_consecutive_positions_read_consecutive_rows() -> None:
    """A range of a scattered table reads its own parts only, however the user mixed the rows."""
    table = [{"prompt": f"mug {number}", "steps": [10, 20][number % 2]} for number in range(40)]
    plan, _ = planned(table)
    asked: list[str] = []

    def read(key: str) -> bytes:
        asked.append(key)
        return plan.objects[key]

    again = Plan.from_json(plan.to_json(), read=read)
    assert asked == []
    assert {task.steps for task in again.tasks(0, 20)} == {10}
    assert len(asked) == 5
    assert {task.steps for task in again.tasks(20, 40)} == {20}
    assert len(asked) == len(plan.objects) == 10


@pytest.mark.usefixtures("_small_parts")
def test_a_plan_without_its_parts_still_counts() -> None:
    """Groups, images and steps stand in the document; only a task needs the store."""
    plan, _ = planned([{"prompt": "a", "steps": steps} for steps in (10, 20, 30, 10, 20)])
    again = Plan.from_json(plan.to_json())
    assert (again.images, again.steps, again.groups) == (5, 90, plan.groups)
    assert again.summary() == plan.summary()
    with pytest.raises(StoreError, match="no store is at hand"):
        again.task(0)


def test_meta_and_keys_reach_the_task() -> None:
    """What the user's own file says of a task is there when its results are written."""
    row = {"tag": "single_object", "include": [{"class": "bench", "count": 1}], "prompt": "a photo of a bench"}
    plan, _ = planned([row, {"prompt": "b", "custom_id": 7}])
    first, second = plan.tasks(0, 2)
    assert first.meta == {"tag": "single_object", "include": [{"class": "bench", "count": 1}]}
    assert (first.custom_id, second.custom_id, second.meta) == (None, "7", {})
    assert any("tag, include" in verdict.message for verdict in plan.verdicts if verdict.level == "note")


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".jsonl"])
def test_one_table_in_three_formats_is_one_job(suffix: str, tmp_path: Path) -> None:
    """What the cells mean counts, not how the file separates them."""
    path = tmp_path / f"mugs{suffix}"
    separator = {".csv": ",", ".tsv": "\t"}.get(suffix)
    if separator:
        path.write_text(f"prompt{separator}seed\na{separator}1\nb{separator}2\n", encoding="utf-8")
    else:
        path.write_text('{"prompt": "a", "seed": 1}\n{"prompt": "b", "seed": 2}\n', encoding="utf-8")
    plan = make_plan(load(path, overrides=["render.model=org/sdxl-a"]))
    by_hand = {"model": "org/sdxl-a", "prompt": ["a", "b"], "seed": [1, 2], "combine": "(prompt, seed)"}
    assert plan.job_id == make_plan(load({"name": "mugs", "render": by_hand})).job_id


def test_the_examples_plan(plan_of: Callable[..., Plan]) -> None:
    """Every manifest that ships can be planned, and nothing about it has to be warned of."""
    assert plan_of().images == 1
    examples = sorted((Path(__file__).parents[3] / "farm" / "examples").glob("*.yaml"))
    assert examples
    for path in examples:
        plan = make_plan(load(path))
        assert plan.images > 0
        assert [verdict for verdict in plan.verdicts if verdict.level != "note"] == []


@pytest.fixture(scope="module")
def million() -> Plan:
    """The plan of a million prompts."""
    prompts = [f"a mug number {number}" for number in range(1_000_000)]
    return make_plan(load({"name": "mugs", "render": {"model": "org/sdxl-a", "prompt": prompts, "seed": 7}}))


def test_a_plan_of_a_million_rows_is_small_and_opens_at_once(million: Plan) -> None:
    """What coordinator and worker read before the first image does not grow with the job."""
    document = million.to_json()
    assert len(document) < 20_000
    asked: list[str] = []

    def read(key: str) -> bytes:
        asked.append(key)
        return million.objects[key]

    million.objects[next(iter(million.objects))]
    tracemalloc.start()
    started = time.process_time()
    again = Plan.from_json(document, read=read)
    tasks = again.tasks(0, 32)
    seconds = time.process_time() - started
    used = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert [task.prompt for task in tasks] == [f"a mug number {number}" for number in range(32)]
    assert (len(asked), len(million.objects)) == (1, 100)
    assert seconds < 1
    assert used < 10_000_000
    assert again.tasks(999_990, 1_000_000)[-1].index == 999_999
    assert len(asked) == 2


def test_a_row_that_is_wrong_makes_no_plan() -> None:
    """Not even of the rows before it."""
    with pytest.raises(ManifestError, match=r"tasks\.jsonl:3: steps: must be a whole number"):
        planned([{"prompt": "a"}, {"prompt": "b"}, {"prompt": "c", "steps": 0}])


def test_job_ids_stay_what_they_are() -> None:
    """A job submitted before a farm was brought up to date is the same job after it."""
    rows = [
        {"prompt": f"mug {n}", "seed": n * n, "steps": [10, 20][n % 2], "tag": {"b": n, "a": 0.5}} for n in range(5)
    ]
    plan, _ = planned(rows)
    assert plan.job_id == "tasks-ad8c9fa9962d"
