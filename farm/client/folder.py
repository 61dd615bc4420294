"""A folder that a job is fetched into: whose it is, and files that are whole or not there."""

import errno
import fcntl
import hashlib
import json
import os
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from farm.errors import FarmError, UsageError

#: Folder in the fetched folder that says what was fetched into it; parts of files lie there until they are whole.
_STATE = ".stepfarm"
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT)


@dataclass(frozen=True, slots=True)
class Content:
    """What a folder holds."""

    job: str
    layout: str


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder that this process alone fetches into."""

    path: Path

    def inside(self, name: str) -> Path:
        """The path of a file below the folder; raises `UsageError` for a name that leads out of it."""
        path = (self.path / name).resolve()
        if not path.is_relative_to(self.path.resolve()):
            raise UsageError(f"The picture name {name!r} leads out of the folder: this job's records are not to trust.")
        return path

    def write(self, path: Path, pieces: Iterable[bytes]) -> int:
        """Write a file; a reader, and whoever comes after a crash, sees all of it or nothing; its size."""
        with self.part(path) as part, part.open("wb") as file:
            return sum(map(file.write, pieces))

    @contextmanager
    def part(self, path: Path) -> Iterator[Path]:
        """A place to write a file in, which becomes `path` when the block ends well; raises `FarmError`."""
        part = self.path / _STATE / f"part-{threading.get_ident()}"
        with writing(self.path):
            try:
                yield part
                path.parent.mkdir(parents=True, exist_ok=True)
                part.replace(path)
            finally:
                part.unlink(missing_ok=True)


@contextmanager
def writing(folder: Path) -> Iterator[None]:
    """Turn what the file system refuses inside the block into one sentence."""
    try:
        yield
    except OSError as error:
        if error.errno in _NO_ROOM:
            raise FarmError(
                f"The disk of {folder} is full: what was fetched is kept; make room and run the same command again."
            ) from None
        raise FarmError(f"{error.filename or folder} cannot be used: {error.strerror}.") from None


@contextmanager
def claimed(path: Path, content: Content, *, force: bool) -> Iterator[Folder]:
    """The folder, made when it is not there, held by this process inside the block.

    Args:
        path: empty, or what an earlier fetch of the same content has left, whole or not.
        content: what is to be fetched into it.
        force: take a folder that holds something else; what is there stays unless a file of the job replaces it.

    Raises:
        UsageError: it holds something else, another process fetches into it, or it cannot be made.
    """
    prepare(path, content, force=force)
    state = path / _STATE
    with writing(path):
        state.mkdir(exist_ok=True)
        lock = os.open(state / "lock", os.O_RDWR | os.O_CREAT, 0o644)
    try:
        _lock(lock, path)
        for part in state.glob("part-*"):
            part.unlink(missing_ok=True)
        folder = Folder(path)
        said = json.dumps({"job": content.job, "layout": content.layout})
        folder.write(state / "job.json", [said.encode()])
        yield folder
    finally:
        os.close(lock)


def _lock(descriptor: int, path: Path) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise UsageError(f"Another `farm fetch` is writing into {path}: wait until it ends.") from None
    except OSError:
        return  # a file system without locks: two fetches into one folder at once are then the user's own care


def prepare(path: Path, content: Content | None = None, *, force: bool) -> None:
    """Make the folder; raises `UsageError` when it cannot take this content, or any when None."""
    if path.exists() and not path.is_dir():
        raise UsageError(f"{path} is a file: name a folder to fetch into.")
    try:
        path.mkdir(parents=True, exist_ok=True)
        found = None if force else _refusal(path, content)
    except OSError as error:
        raise UsageError(f"The folder {path} cannot be used: {error.strerror}.") from error
    if found:
        raise UsageError(f"{found}: name another folder, or add --force to write into it.")


def _refusal(path: Path, content: Content | None) -> str | None:
    """What stands in the way of a fetch into a folder, or None."""
    held = _content(path)
    if held is None:
        return f"The folder {path} is not empty" if {each.name for each in path.iterdir()} - {_STATE} else None
    return None if held == content else f"The folder {path} holds job {held.job} as {held.layout}"


def _content(path: Path) -> Content | None:
    """What was fetched into a folder; None when nothing was, or nobody can tell."""
    try:
        return Content(**json.loads((path / _STATE / "job.json").read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def digest(path: Path) -> str | None:
    """The sha256 of a file, in hex; None when there is no such file."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return None
