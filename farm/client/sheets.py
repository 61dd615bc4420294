"""The contact sheets of a job in a folder: one of all its pictures, and one for each of its schedulers."""

from pathlib import Path
from typing import TYPE_CHECKING

from farm.client.fetch import SHEET
from farm.client.folder import Content, claimed
from farm.client.submit import read_plan

if TYPE_CHECKING:
    from farm.store.store import Store

#: What a folder holds that a job's contact sheets are written into, as `farm.client.folder` has it.
LAYOUT = "sheets"


def write_sheets(store: "Store", job_id: str, folder: Path, *, force: bool = False) -> list[Path]:
    """Draw a job's contact sheets from the pictures in the store.

    Args:
        store: where the pictures are.
        job_id: the job.
        folder: made when it is not there; sheets of the same job are drawn anew.
        force: write into a folder that holds something else.

    Returns:
        The sheet of all pictures, then one for each scheduler where there are several.

    Raises:
        UsageError: the folder holds something else, or cannot be made.
        StoreError: the store cannot be reached.
    """
    from farm.report.cells import sheet_from_store

    plan = read_plan(store, job_id)
    schedulers = sorted({entry["scheduler"] for entry in plan.summary()})
    written = []
    with claimed(folder, Content(job_id, LAYOUT), force=force) as claim:
        for scheduler in (None, *(schedulers if len(schedulers) > 1 else ())):
            path = folder / (SHEET if scheduler is None else SHEET.replace(".", f"-{scheduler}."))
            claim.write(path, [sheet_from_store(store, plan, scheduler=scheduler)])
            written.append(path)
    return written
