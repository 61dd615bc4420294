"""Bring a job's pictures and results to a folder: again and again, until all of it is there."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from farm.client.bring import Source, bring
from farm.client.folder import Content, Folder, claimed
from farm.client.imagefolder import write_imagefolder
from farm.client.pictures import rendered
from farm.client.shards import write_shards
from farm.client.submit import read_plan
from farm.client.tally import Tally
from farm.errors import NotInStoreError, StoreError
from farm.store import keys

if TYPE_CHECKING:
    from farm.client.status import Status
    from farm.store.store import Store

#: Folder of the pictures in the fetched folder: results and the contact sheet lie beside it.
IMAGES = "images"
SHEET = "contact-sheet.png"


class Layout(StrEnum):
    """How the pictures lie in the folder."""

    FILES = "files"  #: under their own names in ``images/``, with a contact sheet
    WEBDATASET = "webdataset"  #: in tar shards, each with its task as JSON and its prompt as text
    IMAGEFOLDER = "imagefolder"  #: in ``train/`` beside a ``metadata.jsonl``, as Hugging Face's datasets reads it


@dataclass(frozen=True, slots=True)
class Fetched:
    """What is in the folder now."""

    folder: Path
    #: The job as it was when the fetch began.
    job: "Status"
    images: int
    bytes: int
    #: How many pictures this fetch has brought; the others were there already.
    brought: int
    #: Pictures that the records name and that are gone from the store, or are not what was rendered.
    bad: tuple[str, ...]
    #: The contact sheet, and one line per failed task; None when there is nothing to show.
    sheet: Path | None
    errors: Path | None


def fetch(  # noqa: PLR0913 by name
    store: "Store",
    job: "Status",
    folder: Path,
    *,
    layout: Layout = Layout.FILES,
    force: bool = False,
    on_progress: Callable[[Tally], None] | None = None,
) -> Fetched:
    """Bring the pictures rendered so far, and what the job's end has written, to a folder.

    What an earlier fetch has brought is compared with its record and left alone; nothing half-written is ever seen
    under a picture's name, so a fetch that was killed is completed by the next one.

    Args:
        store: where the job is.
        job: the job as it is now.
        folder: made when it is not there.
        layout: how the pictures lie in it.
        force: write into a folder that holds something else.
        on_progress: told of the pictures after each one.

    Raises:
        UsageError: the folder holds something else, or is no folder.
        FarmError: the disk is full or refuses; what was brought is kept.
        StoreError: the store cannot be reached any more; what was brought is kept.
    """
    with claimed(folder, Content(job.job, layout), force=force) as claim:
        try:
            return _fetch(store, job, claim, layout, on_progress)
        except NotInStoreError:
            raise
        except StoreError as error:
            raise StoreError(f"{error} What was fetched is kept: run the same command again for the rest.") from None


def _fetch(
    store: "Store", job: "Status", folder: Folder, layout: Layout, on_progress: Callable[[Tally], None] | None
) -> Fetched:
    source = Source(store, read_plan(store, job.job), rendered(store, job.job))
    tally = Tally(source.total, on_progress)
    _write(source, folder, layout, tally)
    _copy(store, keys.results(job.job), folder)
    return Fetched(
        folder.path,
        job,
        tally.images,
        tally.bytes,
        tally.brought,
        tuple(tally.bad),
        sheet=_sheet(source, folder, new=tally.brought > 0) if layout is Layout.FILES and tally.images else None,
        errors=_copy(store, keys.errors(job.job), folder),
    )


def _write(source: Source, folder: Folder, layout: Layout, tally: Tally) -> None:
    """Bring the pictures as the layout has them."""
    match layout:
        case Layout.FILES:
            for _ in bring(source, folder, IMAGES, tally):
                pass
        case Layout.WEBDATASET:
            write_shards(source, folder, tally)
        case Layout.IMAGEFOLDER:
            write_imagefolder(source, folder, tally)


def _sheet(source: Source, folder: Folder, *, new: bool) -> Path:
    """The contact sheet of the pictures that were fetched; drawn again only when there are new ones."""
    from farm.report.cells import sheet_from_folder

    path = folder.path / SHEET
    if new or not path.exists():
        folder.write(path, [sheet_from_folder(folder.path / IMAGES, source.plan)])
    return path


def _copy(store: "Store", key: str, folder: Folder) -> Path | None:
    """Copy an object; one that is empty or not there leaves no file, not even that of an earlier fetch."""
    path = folder.path / key.rsplit("/", 1)[-1]
    try:
        size = folder.write(path, store.stream(key))
    except NotInStoreError:
        size = 0
    if size:
        return path
    path.unlink(missing_ok=True)
    return None
