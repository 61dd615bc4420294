"""The files of a model, in a folder and in a bucket: the same ones, read the same way."""

from pathlib import Path

import pytest

from farm.files import DiskFiles, ModelFiles, StoredFiles
from farm.store.memory import MemoryStore
from farm.weights import fingerprint

FILES = {"model_index.json": b"{}", "unet/w.safetensors": b"0123456789", "unet/w.bin": b"", "tokenizer/vocab.txt": b"a"}
STRAY = {"README.md": b"x", ".git/x.json": b"x", "_old/x.json": b"x", "unet/deep/x.json": b"x", "unet/.x.json": b"x"}


@pytest.fixture(params=["disk", "bucket"])
def files(request: pytest.FixtureRequest, tmp_path: Path) -> ModelFiles:
    """A model, and things that are none of it."""
    store = MemoryStore()
    for name, data in (FILES | STRAY).items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(data)
        store.put(name, data)
    return DiskFiles(tmp_path) if request.param == "disk" else StoredFiles(store)


def test_what_is_a_models_file(files: ModelFiles) -> None:
    """Its index, and what lies directly in folders that may be components."""
    assert dict(files.sizes) == {name: len(data) for name, data in FILES.items()}


def test_any_part_is_read(files: ModelFiles) -> None:
    """From a byte to a byte, or to the end."""
    path = "unet/w.safetensors"
    assert files.read(path) == b"0123456789"
    assert (files.read(path, 2, 5), files.read(path, 8), files.read(path, 5, 5)) == (b"234", b"89", b"")


def test_content_is_told_from_content_of_the_same_size(files: ModelFiles) -> None:
    """By all of it, or by what the server calls it."""
    other = MemoryStore()
    for name, data in FILES.items():
        other.put(name, data.replace(b"5", b"x"))
    assert b"".join(files.sample("unet/w.safetensors")) != b"".join(StoredFiles(other).sample("unet/w.safetensors"))


def test_a_fingerprint_of_a_bucket_follows_its_content() -> None:
    """Another object, another revision; nothing is read for it."""
    store = MemoryStore()
    for name, data in FILES.items():
        store.put(name, data)
    before = fingerprint(StoredFiles(store))
    assert before == fingerprint(StoredFiles(store))
    assert len(before) == 40
    store.put("unet/w.safetensors", b"012345678x")
    assert fingerprint(StoredFiles(store)) != before


def test_a_prefix_with_a_world_below_it_is_not_listed_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """A bucket is no model: after so many objects the look ends."""
    monkeypatch.setattr("farm.files._MOST", 3)
    store = MemoryStore()
    for number in range(10):
        store.put(f"unet/{number}.json", b"{}")
    assert len(StoredFiles(store).sizes) == 3


def test_a_folder_that_is_gone_is_an_error(tmp_path: Path) -> None:
    """The caller says it."""
    with pytest.raises(OSError, match="No such file"):
        assert DiskFiles(tmp_path / "gone").sizes
