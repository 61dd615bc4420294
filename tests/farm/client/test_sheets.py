from pathlib import Path

import pytest

from farm.client.sheets import write_sheets
from farm.errors import UsageError
from farm.store import keys
from tests.farm.quality.conftest import plan_of, store_of


def test_a_sheet_of_all_and_one_of_each_scheduler(tmp_path: Path) -> None:
    """Named after their schedulers; with one scheduler there is one sheet."""
    plan = plan_of(scheduler=["euler", "ddim"])
    store = store_of(plan)
    store.put(keys.plan(plan.job_id), plan.to_json())
    written = write_sheets(store, plan.job_id, tmp_path / "out")
    names = ["contact-sheet.png", "contact-sheet-ddim.png", "contact-sheet-euler.png"]
    assert [path.name for path in written] == names
    assert len({path.read_bytes() for path in written}) == 3
    single = plan_of(scheduler="euler")
    store.put(keys.plan(single.job_id), single.to_json())
    assert [path.name for path in write_sheets(store, single.job_id, tmp_path / "one")] == names[:1]


def test_a_folder_of_something_else_is_refused(tmp_path: Path) -> None:
    """Unless forced; drawing them again is no conflict."""
    plan = plan_of(steps=[5, 10])
    store = store_of(plan)
    store.put(keys.plan(plan.job_id), plan.to_json())
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(UsageError, match="not empty"):
        write_sheets(store, plan.job_id, tmp_path)
    assert write_sheets(store, plan.job_id, tmp_path, force=True) == write_sheets(store, plan.job_id, tmp_path)
