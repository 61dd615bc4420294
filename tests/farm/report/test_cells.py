import io
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from farm.manifest.model import load
from farm.plan.plan import Plan, make_plan
from farm.report import cells as module
from farm.report.cells import Run, job_sheet, runs, sheet_from_folder, sheet_from_store
from farm.report.layout import Cell
from farm.store import keys
from farm.store.memory import MemoryStore


def plan_of(**render: Any) -> Plan:
    """A plan on the built-in model."""
    return make_plan(load({"render": {"model": "builtin:shapes", "prompt": ["a star", "a ring"]} | render}))


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What would be drawn: the cells and the words beside them."""
    seen: dict[str, Any] = {}

    def note(cells: list[Cell], **words: Any) -> bytes:
        seen.update(words, cells=cells)
        return b"png"

    monkeypatch.setattr(module, "contact_sheet", note)
    return seen


def test_a_sweep_of_steps_is_a_matrix(drawn: dict[str, Any]) -> None:
    """A row per prompt and seed, a column per step count in rising order, every picture in its place."""
    plan = plan_of(seed=[1, 2], steps=[30, 4, 12])
    job_sheet(plan, lambda name: name.encode())
    cells = drawn["cells"]
    assert list(dict.fromkeys(cell.column for cell in cells)) == ["4 steps", "12 steps", "30 steps"]
    assert list(dict.fromkeys(cell.row for cell in cells)) == [
        "a star\nseed 1",
        "a star\nseed 2",
        "a ring\nseed 1",
        "a ring\nseed 2",
    ]
    names = {plan.image_name(task): task for task in plan.tasks(0, plan.images)}
    for cell in cells:
        task = names[cell.read().decode()]
        assert cell.row == f"{task.prompt}\nseed {task.seed}"
        assert cell.column == f"{task.steps} steps"


def test_columns_say_what_differs(drawn: dict[str, Any]) -> None:
    """Scheduler and guidance are named only where they vary."""
    job_sheet(plan_of(steps=[4, 8], scheduler=["euler", "ddim"], guidance_scale=3), lambda _: None)
    assert list(dict.fromkeys(cell.column for cell in drawn["cells"])) == [
        "ddim\n4 steps",
        "ddim\n8 steps",
        "euler\n4 steps",
        "euler\n8 steps",
    ]


def test_one_setting_is_a_grid(drawn: dict[str, Any]) -> None:
    """With nothing to compare, each picture carries its own caption."""
    job_sheet(plan_of(seed=[1, 2], steps=1), lambda _: None)
    assert next((cell.row, cell.column) for cell in drawn["cells"]) == ("a star\n1 step, seed 1", "")
    assert (len(drawn["cells"]), drawn["more"]) == (4, 0)


def test_a_zip_of_prompts_and_steps_is_a_grid(drawn: dict[str, Any]) -> None:
    """Rows that have one picture each make no matrix."""
    prompts = [f"star {number}" for number in range(9)]
    job_sheet(
        plan_of(prompt=prompts, seed=1, steps=list(range(2, 11)), combine="(prompt, steps) * seed"), lambda _: None
    )
    assert {cell.column for cell in drawn["cells"]} == {""}
    assert len(drawn["cells"]) == 9


def test_a_huge_job_costs_a_few_looks(drawn: dict[str, Any]) -> None:
    """A million images: the first rows of each setting, and how many more there are."""
    job_sheet(plan_of(prompt=[f"p{n}" for n in range(1000)], seed="1-500", steps=[4, 8]), lambda _: None)
    assert len(drawn["cells"]) == 48
    assert drawn["more"] == 500_000 - 24
    assert drawn["title"].endswith(": 1000000 images")


def test_runs_cover_the_positions_in_order() -> None:
    """Each run holds one batch key, and together they are the job."""
    plan = plan_of(seed=[1, 2, 3], steps=[4, 8], size=["64x64", "96x64"])
    found = list(runs(plan))
    assert [(run.start, run.stop) for run in found] == [(0, 6), (6, 12), (12, 18), (18, 24)]
    assert all(plan.task(place).batch_key == run.key for run in found for place in range(run.start, run.stop))
    assert runs(plan, most=1).__next__() == Run(found[0].key, 0, 6)


def test_the_sheet_reads_the_store_and_the_folder_alike(tmp_path: Path) -> None:
    """The same pictures make the same sheet, wherever they lie; missing ones are left blank."""
    plan, store = plan_of(seed=1, steps=[4, 8]), MemoryStore()
    for number, task in enumerate(plan.tasks(0, 3)):
        out = io.BytesIO()
        Image.new("RGB", (64, 64), (40 * number, 90, 200)).save(out, "PNG")
        store.put(keys.image(plan.job_id, plan.image_name(task)), out.getvalue())
        (tmp_path / plan.image_name(task)).write_bytes(out.getvalue())
    sheet = sheet_from_store(store, plan)
    assert Image.open(io.BytesIO(sheet)).format == "PNG"
    assert sheet == sheet_from_folder(tmp_path, plan)
    assert sheet != sheet_from_store(MemoryStore(), plan)


def test_a_sheet_of_one_scheduler_leaves_the_others_out(drawn: dict[str, Any]) -> None:
    """Its columns need not name it: the title does."""
    plan = plan_of(seed=[1, 2], steps=[4, 8], scheduler=["euler", "ddim"])
    job_sheet(plan, lambda name: name.encode(), scheduler="ddim")
    assert list(dict.fromkeys(cell.column for cell in drawn["cells"])) == ["4 steps", "8 steps"]
    assert drawn["title"] == f"{plan.job_id}, ddim: 8 images"
    names = {plan.image_name(task): task for task in plan.tasks(0, plan.images)}
    assert {names[cell.read().decode()].scheduler for cell in drawn["cells"]} == {"ddim"}
