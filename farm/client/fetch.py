"""Bring a job's pictures and results to a folder."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from farm.client.pictures import read_all
from farm.client.submit import read_plan
from farm.errors import NotInStoreError, UsageError
from farm.store import keys

if TYPE_CHECKING:
    from farm.store.store import Store

#: Folder of the pictures in the fetched folder: results and the contact sheet lie beside it.
IMAGES = "images"
SHEET = "contact-sheet.png"


@dataclass(frozen=True, slots=True)
class Fetched:
    """What was brought."""

    folder: Path
    images: int
    bytes: int
    #: Pictures that the records name and that are gone from the store, or are not what was rendered.
    bad: tuple[str, ...]
    #: The contact sheet; None when there is no picture yet.
    sheet: Path | None


def fetch(
    store: "Store", job_id: str, folder: Path, *, force: bool = False, on_image: Callable[[int], None] | None = None
) -> Fetched:
    """Write the pictures rendered so far to ``folder/images``, and what the job's end has written beside them.

    Args:
        store: where the job is.
        job_id: the job.
        folder: made when it is not there.
        force: write into a folder that is not empty.
        on_image: told the number of pictures written so far.

    Raises:
        UsageError: the folder is not empty, or is no folder.
    """
    prepare(folder, force=force)
    count, size, bad = 0, 0, list[str]()
    for picture, data in read_all(store, job_id):
        if data is None or not picture.accepts(data):
            bad.append(picture.name)
            continue
        _write(inside(folder / IMAGES, picture.name), data)
        count, size = count + 1, size + len(data)
        if on_image:
            on_image(count)
    for key in (keys.results(job_id), keys.errors(job_id)):
        _copy(store, key, folder)
    return Fetched(folder, count, size, tuple(bad), _sheet(store, job_id, folder) if count else None)


def prepare(folder: Path, *, force: bool) -> None:
    """Make the folder; raises `UsageError` when it cannot take a job."""
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{folder} is a file: name a folder to fetch into.")
    if not force and folder.is_dir() and any(folder.iterdir()):
        raise UsageError(f"The folder {folder} is not empty: name another one, or add --force to write into it.")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"The folder {folder} cannot be made: {error.strerror}.") from error


def inside(folder: Path, name: str) -> Path:
    """The path of a picture below the folder; raises `UsageError` for a name that leads out of it."""
    path = (folder / name).resolve()
    if not path.is_relative_to(folder.resolve()):
        raise UsageError(
            f"The picture name {name!r} leads out of the folder: this job's records are not to be trusted."
        )
    return path


def _write(path: Path, data: bytes) -> None:
    """Write a file so that an interrupted fetch leaves no half picture."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    part.write_bytes(data)
    part.replace(path)


def _sheet(store: "Store", job_id: str, folder: Path) -> Path:
    """Draw the contact sheet of the pictures that were fetched."""
    from farm.report.cells import sheet_from_folder

    path = folder / SHEET
    _write(path, sheet_from_folder(folder / IMAGES, read_plan(store, job_id)))
    return path


def _copy(store: "Store", key: str, folder: Path) -> None:
    """Copy an object that a job in progress does not have yet."""
    try:
        _write(folder / key.rsplit("/", 1)[-1], store.get(key))
    except NotInStoreError:
        return
