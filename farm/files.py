"""The files of a model, in a folder or in a bucket: which there are, and what is in them, a part at a time."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Protocol

from farm.store.store import Store

INDEX = "model_index.json"
#: What a pipeline reads: weights, configurations, tokenizers. Nothing that could run.
SUFFIXES = (".safetensors", ".json", ".txt", ".model", ".jinja", ".tiktoken", ".bpe")
#: A file up to this size is told from another by its whole content, a larger one by samples.
_WHOLE = 64 << 20
_SAMPLE, _SAMPLES = 32 << 10, 512
_BLOCK = 1 << 20
#: Most objects below a prefix that can be a model.
_MOST = 10_000


class ModelFiles(Protocol):
    """A pipeline's ``model_index.json`` and what lies in its components' folders."""

    @property
    def sizes(self) -> Mapping[str, int]:
        """Path, such as ``unet/config.json`` -> bytes."""

    def read(self, path: str, start: int = 0, stop: int | None = None) -> bytes:
        """Bytes `start` to `stop` of a file, to its end when None."""

    def sample(self, path: str) -> Iterator[bytes]:
        """What tells a file's content from another's of the same size."""


@dataclass(frozen=True)
class DiskFiles:
    """The files of a model in a folder; whatever is asked raises `OSError` when it cannot be read."""

    folder: Path

    @cached_property
    def sizes(self) -> Mapping[str, int]:
        """Path -> bytes."""
        found = {INDEX: self.folder / INDEX} if (self.folder / INDEX).is_file() else {}
        for inner in self.folder.iterdir():
            if _is_component(inner.name) and inner.is_dir():
                found |= {
                    f"{inner.name}/{path.name}": path
                    for path in inner.iterdir()
                    if _is_plain(path.name) and path.is_file()
                }
        return {name: path.stat().st_size for name, path in sorted(found.items())}

    def read(self, path: str, start: int = 0, stop: int | None = None) -> bytes:
        """A part of a file."""
        with (self.folder / path).open("rb") as stream:
            stream.seek(start)
            return stream.read(-1 if stop is None else max(0, stop - start))

    def sample(self, path: str) -> Iterator[bytes]:
        """All of a small file, evenly spaced parts of a large one: close enough to meet any layer that was trained."""
        size = self.sizes[path]
        with (self.folder / path).open("rb") as stream:
            if size <= _WHOLE:
                while block := stream.read(_BLOCK):
                    yield block
                return
            for number in range(_SAMPLES + 1):
                stream.seek(number * (size - _SAMPLE) // _SAMPLES)
                yield stream.read(_SAMPLE)


@dataclass(frozen=True)
class StoredFiles:
    """The files of a model in a bucket; whatever is asked raises `StoreError` when it cannot be read.

    Args:
        store: the place of the model: its keys are the model's paths.
    """

    store: Store

    @cached_property
    def sizes(self) -> Mapping[str, int]:
        """Path -> bytes."""
        return {path: size for path, (size, _) in self._listed.items()}

    @cached_property
    def _listed(self) -> Mapping[str, tuple[int, str]]:
        found: dict[str, tuple[int, str]] = {}
        for number, entry in enumerate(self.store.entries("")):
            if number == _MOST:
                break
            inner, slash, name = entry.key.partition("/")
            if entry.key == INDEX or (slash and _is_component(inner) and _is_plain(name)):
                found[entry.key] = (entry.bytes, entry.tag)
        return found

    def tag(self, path: str) -> str:
        """What the server calls the content of a file."""
        return self._listed[path][1]

    def read(self, path: str, start: int = 0, stop: int | None = None) -> bytes:
        """A part of a file."""
        return self.store.read(path, start, self.sizes[path] if stop is None else stop)

    def sample(self, path: str) -> Iterator[bytes]:
        """The server's tag: another whenever the content is."""
        yield self.tag(path).encode()


def _is_component(name: str) -> bool:
    """Whether a folder's name may be a component's: the index names them as Python names their arguments."""
    return not name.startswith("_") and _is_plain(name)


def _is_plain(name: str) -> bool:
    """Whether a name may be that of a model's file, hidden ones and paths left out."""
    return bool(name) and not name.startswith(".") and name.isprintable() and not {"/", "\\"} & set(name)
