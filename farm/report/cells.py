"""Which pictures of a job its contact sheet shows: the first rows of every setting, side by side."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from farm.errors import NotInStoreError
from farm.manifest.task import BatchKey, RenderTask
from farm.report.figures import short_model
from farm.report.layout import COLUMNS, GRID_LINES, PER_LINE, ROWS, Cell
from farm.report.sheet import contact_sheet
from farm.store import keys

if TYPE_CHECKING:
    from farm.plan.plan import Plan
    from farm.store.store import Store

#: Gives the file of a picture by its name below ``images/``; None when it is not there.
Read = Callable[[str], bytes | None]
#: A matrix is worth its empty places when this share of them is filled.
_FILLED = 0.5
#: Settings that are looked through for those of one scheduler.
_SEARCHED = 1000


@dataclass(frozen=True, slots=True)
class Run:
    """Consecutive positions of one batch key."""

    key: BatchKey
    start: int
    stop: int


def sheet_from_store(store: "Store", plan: "Plan", *, scheduler: str | None = None) -> bytes:
    """The contact sheet of a job or of one of its schedulers, a PNG, from the pictures that are in the store now."""

    def read(name: str) -> bytes | None:
        """A picture from the store."""
        try:
            return store.get(keys.image(plan.job_id, name))
        except NotInStoreError:
            return None

    return job_sheet(plan, read, scheduler=scheduler)


def sheet_from_folder(folder: Path, plan: "Plan") -> bytes:
    """The contact sheet of a job, a PNG, from pictures that were fetched into this folder."""

    def read(name: str) -> bytes | None:
        """A picture from the folder."""
        try:
            return (folder / name).read_bytes()
        except OSError:
            return None

    return job_sheet(plan, read)


def job_sheet(plan: "Plan", read: Read, *, scheduler: str | None = None) -> bytes:
    """Draw the contact sheet of a job of any size: a bounded number of tasks is looked at.

    Args:
        plan: the job.
        read: gives the pictures.
        scheduler: the only one whose pictures are shown; None shows all.
    """
    listed = sorted(_of(scheduler, plan), key=lambda run: _order(run.key))
    images = plan.images if scheduler is None else sum(run.stop - run.start for run in listed)
    tasks = [(run, plan.tasks(run.start, min(run.stop, run.start + ROWS))) for run in listed]
    names = _varying([run.key for run in listed])
    cells = [
        Cell(
            row=f"{' '.join(task.prompt.split())}\nseed {task.seed}",
            column=_column(run.key, names),
            read=_reader(plan, task, read),
        )
        for run, found in tasks
        for task in found
    ]
    title = f"{plan.job_id}{f', {scheduler}' if scheduler else ''}: {images} images"
    if _is_matrix(cells):
        return contact_sheet(cells, title=title, more=max(0, max(run.stop - run.start for run in listed) - ROWS))
    grid = [Cell(row=_caption(cell), column="", read=cell.read) for cell in cells][: PER_LINE * GRID_LINES]
    return contact_sheet(grid, title=title, more=images - len(grid))


def _of(scheduler: str | None, plan: "Plan") -> "Iterator[Run]":
    """The runs that a sheet shows."""
    if scheduler is None:
        return runs(plan)
    found = (run for run in runs(plan, most=_SEARCHED) if run.key.scheduler == scheduler)
    return islice(found, PER_LINE * GRID_LINES)


def runs(plan: "Plan", *, most: int = PER_LINE * GRID_LINES) -> Iterator[Run]:
    """The runs of positions that share a batch key, in execution order, up to `most`."""
    position = 0
    for _ in range(most):
        if position >= plan.images:
            return
        yield Run(plan.task(position).batch_key, position, plan.spot(position).stop)
        position = plan.spot(position).stop


def _is_matrix(cells: Sequence[Cell]) -> bool:
    """Whether enough rows stand in several columns for rows and columns to say something."""
    rows, columns = len({cell.row for cell in cells}), len({cell.column for cell in cells})
    return columns > 1 and len(cells) >= _FILLED * rows * min(columns, COLUMNS)


def _order(key: BatchKey) -> tuple[Any, ...]:
    """Columns stand by model, size, scheduler and guidance, then by steps."""
    return (key.pipeline.model, key.width, key.height, key.scheduler, key.guidance_scale or 0.0, key.steps)


def _labels(key: BatchKey) -> dict[str, str]:
    """What a column can be told apart by."""
    return {
        "model": short_model(key.pipeline.model),
        "size": f"{key.width}x{key.height}",
        "scheduler": key.scheduler,
        "spacing": key.timestep_spacing or "",
        "guidance": "" if key.guidance_scale is None else f"CFG {key.guidance_scale:g}",
    }


def _varying(found: Sequence[BatchKey]) -> list[str]:
    """Names of the labels that differ between the columns; steps are always said."""
    labels = [_labels(key) for key in found]
    return [name for name in (labels[0] if labels else {}) if len({one[name] for one in labels}) > 1]


def _column(key: BatchKey, names: Sequence[str]) -> str:
    said = ", ".join(_labels(key)[name] for name in names)
    steps = f"{key.steps} step{'s' * (key.steps != 1)}"
    return f"{said}\n{steps}" if said else steps


def _caption(cell: Cell) -> str:
    """A grid says all in one caption: the prompt, then one line with the setting and the seed."""
    prompt, seed = cell.row.rsplit("\n", 1)
    return f"{prompt}\n{cell.column.replace(chr(10), ', ')}, {seed}"


def _reader(plan: "Plan", task: RenderTask, read: Read) -> Callable[[], bytes | None]:
    return lambda: read(plan.image_name(task))
