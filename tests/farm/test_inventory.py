"""The list of a model's files: what it says, and what it must not be able to name."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from farm.errors import DamagedError
from farm.inventory import File, Inventory

SHA = "a" * 64
FILES = (File(path="model_index.json", bytes=2, sha256=SHA), File(path="unet/w.safetensors", bytes=40, sha256=SHA))
MINE = Inventory(model="/models/mine", revision="r", variant="fp16", files=FILES)


def with_files(*files: dict[str, object]) -> bytes:
    """The document with these files beside the index."""
    index = {"path": "model_index.json", "bytes": 2, "sha256": SHA}
    return json.dumps({"version": 1, "model": "m", "revision": "r", "files": [index, *files]}).encode()


def test_it_is_read_as_it_was_written() -> None:
    """With the size of all files together."""
    assert Inventory.parse(MINE.to_json()) == MINE
    assert MINE.size == 42


@pytest.mark.parametrize(
    "path",
    [
        "../x.json",
        "unet/../../x.json",
        "/etc/x.json",
        "unet//x.json",
        "./x.json",
        "a/b/x.json",
        "unet/.x.json",
        ".git/x.json",
        "unet\\x.json",
        "..\\x.json",
        "unet/x.py",
        "unet/x.bin",
        "unet/x\n.json",
        "unet/x\0.json",
        "unet",
        "",
        ".json",
    ],
)
def test_a_path_that_is_no_models_file_is_refused(path: str) -> None:
    """It would be written where it says, by a worker."""
    with pytest.raises(DamagedError, match="names what is no file of a model"):
        Inventory.parse(with_files({"path": path, "bytes": 1, "sha256": SHA}))


@pytest.mark.parametrize(
    "file",
    [
        {"path": "a.json", "bytes": -1, "sha256": SHA},
        {"path": "a.json", "bytes": 1, "sha256": "zz"},
        {"path": "a.json", "sha256": SHA},
        {"path": "model_index.json", "bytes": 1, "sha256": SHA},
        {},
    ],
)
def test_a_file_that_is_none_is_refused(file: dict[str, object]) -> None:
    """No size, no hash of one, one that is there already."""
    with pytest.raises(DamagedError):
        Inventory.parse(with_files(file))


@pytest.mark.parametrize("data", [b"", b"[]", b"{}", b'{"version": 1, "model": "m", "revision": "r", "files": []}'])
def test_what_is_no_list_is_refused(data: bytes) -> None:
    """Nor is a model without its index one."""
    with pytest.raises(DamagedError):
        Inventory.parse(data)


def test_another_version_is_refused() -> None:
    """A farm of tomorrow may mean something else by it."""
    with pytest.raises(DamagedError):
        Inventory.parse(MINE.to_json().replace(b'"version": 1', b'"version": 2'))


@given(st.text(max_size=30))
def test_no_path_leads_out_of_the_folder(path: str) -> None:
    """Whatever it is, it is refused or stays below."""
    try:
        found = Inventory.parse(with_files({"path": path, "bytes": 1, "sha256": SHA})).files[1].path
    except DamagedError:
        return
    assert ".." not in found.split("/")
    assert not found.startswith("/")
    assert found == path
