"""Tar shards in the convention of WebDataset: the files of one sample follow each other and share a key.

A shard holds a fixed run of positions, so that the same job makes the same shards, byte for byte, in whatever order and
in however many attempts they were fetched.
"""

import io
import tarfile
from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path, PurePosixPath
from typing import IO

from farm.client.bring import Source
from farm.client.folder import Folder, writing
from farm.client.labels import label, line
from farm.client.pictures import Finding, Picture
from farm.client.tally import Tally
from farm.manifest.task import RenderTask
from farm.report.reading import ahead

#: A shard is no larger than this, however badly its pictures compress, nor has it more pictures than this.
MOST_BYTES, MOST_IMAGES = 1_000_000_000, 10_000
#: Red, green and blue, and room for what is said of a picture.
_CHANNELS, _LABELS = 3, 16_384


def per_shard(source: Source) -> int:
    """How many positions a shard holds: known from the plan alone."""
    largest = max((group.width * group.height for group in source.plan.groups), default=1)
    return max(1, min(MOST_IMAGES, MOST_BYTES // (largest * _CHANNELS + _LABELS)))


def write_shards(source: Source, folder: Folder, tally: Tally) -> None:
    """Write every shard that is not there yet, or is not whole: ``<job>-000000.tar`` and so on."""
    each = per_shard(source)
    for number, found in groupby(source.pictures(), key=lambda picture: picture.position // each):
        _shard(source, folder, folder.path / f"{source.plan.job_id}-{number:06}.tar", list(found), tally)


def _shard(source: Source, folder: Folder, path: Path, pictures: Sequence[Picture], tally: Tally) -> None:
    with writing(folder.path):
        sizes = _sizes(source, path, pictures)
    if sizes is not None:
        for size in sizes:
            tally.add(size, new=False)
        return
    with folder.part(path) as part, tarfile.open(part, "w", format=tarfile.USTAR_FORMAT) as tar:
        for picture, (finding, data) in zip(pictures, ahead(source.read, pictures), strict=True):
            if finding is not Finding.FINE:
                tally.miss(picture.name)
                continue
            for name, content in members(source.plan.task(picture.position), picture.name, data):
                _add(tar, name, content)
            tally.add(len(data), new=True)


def members(task: RenderTask, name: str, data: bytes) -> Iterator[tuple[str, bytes]]:
    """The files of one sample: picture, task and prompt. The key has no dot, at which readers would split it."""
    key = f"{task.index:09}"
    yield f"{key}{PurePosixPath(name).suffix.lower()}", data
    yield f"{key}.json", line(label(task, name))
    yield f"{key}.txt", task.prompt.encode("utf-8", "replace")


def _add(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    """Add a file that says nothing of when and by whom it was written."""
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = len(content), 0o644
    tar.addfile(entry, io.BytesIO(content))


def _sizes(source: Source, path: Path, pictures: Sequence[Picture]) -> list[int] | None:
    """The sizes of a shard's pictures when it holds exactly these, whole; else None."""
    try:
        with path.open("rb") as file, tarfile.open(fileobj=file, mode="r:") as tar:
            return _compared(source, tar, pictures, path.stat().st_size)
    except (FileNotFoundError, tarfile.TarError, EOFError):
        return None


def _compared(source: Source, tar: tarfile.TarFile, pictures: Sequence[Picture], size: int) -> list[int] | None:
    found = ((entry.name, _content(tar.extractfile(entry))) for entry in tar)
    sizes, end = [], 0
    for picture in pictures:
        name, data = next(found, ("", b""))
        if not picture.accepts(data):
            return None
        expected = list(members(source.plan.task(picture.position), picture.name, data))
        if [(name, data), *(next(found, None) for _ in expected[1:])] != expected:
            return None
        sizes.append(len(data))
        end += sum(tarfile.BLOCKSIZE + _padded(len(content), tarfile.BLOCKSIZE) for _, content in expected)
    whole = _padded(end + 2 * tarfile.BLOCKSIZE, tarfile.RECORDSIZE)
    return sizes if next(found, None) is None and size == whole else None


def _padded(size: int, block: int) -> int:
    """A size as whole blocks."""
    return -(-size // block) * block


def _content(file: IO[bytes] | None) -> bytes:
    return file.read() if file else b""
