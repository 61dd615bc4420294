"""The cache of models on a disk: fetched once for all workers, within its budget, trusted as far as it was checked."""

import errno
import hashlib
import json
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from farm.errors import DamagedError, ModelError
from farm.inventory import File, Inventory
from workers import shelf as shelf_module
from workers.download import Tick, patiently
from workers.shelf import LIST, Shelf


def data_of(name: str, size: int) -> dict[str, bytes]:
    """The files of a model of so many bytes."""
    return {"model_index.json": b"{}", "unet/w.safetensors": (name.encode() * size)[: size - 2]}


class Worker:
    """Holds models of a hundred bytes, and counts what it fetched."""

    def __init__(self, shelf: Shelf) -> None:
        self.shelf = shelf
        self.fetched: list[str] = []
        self.slow: Callable[[], None] = lambda: None

    def inventory(self, name: str, size: int = 100) -> Inventory:
        """What a model consists of."""
        files = [
            File(path=path, bytes=len(data), sha256=hashlib.sha256(data).hexdigest())
            for path, data in data_of(name, size).items()
        ]
        return Inventory(model=f"/m/{name}", revision="r", files=tuple(files))

    def hold(
        self, name: str, *, size: int = 100, tick: Tick = patiently, within: Callable[[], None] = lambda: None
    ) -> Path:
        """Use a model."""

        def fill(inventory: Inventory, folder: Path) -> None:
            self.fetched.append(name)
            self.slow()
            for path, data in data_of(name, size).items():
                (folder / path).parent.mkdir(exist_ok=True)
                (folder / path).unlink(missing_ok=True)
                (folder / path).write_bytes(data)
            assert inventory.size == size

        with self.shelf.hold(name, wanted=lambda: self.inventory(name, size), fill=fill, tick=tick) as folder:
            assert (folder / "unet" / "w.safetensors").read_bytes() == data_of(name, size)["unet/w.safetensors"]
            within()
            return folder

    def kept(self) -> list[str]:
        """The models that are there."""
        return sorted(path.parent.name for path in self.shelf.folder.glob(f"*/{LIST}"))


@pytest.fixture
def worker(tmp_path: Path) -> Worker:
    """A cache of at most 250 bytes."""
    return Worker(Shelf(tmp_path / "cache", 250))


def age(worker: Worker, name: str, seconds: float) -> None:
    """Let a model's last use be so long ago."""
    then = time.time() - seconds
    os.utime(worker.shelf.folder / ".stepfarm-locks" / name, (then, then))


def test_a_model_is_fetched_once(worker: Worker) -> None:
    """The second time it lies there, and nobody is asked what it consists of."""
    first = worker.hold("a")
    assert worker.hold("a") == first == worker.shelf.folder / "a"
    assert worker.fetched == ["a"]


def test_what_was_not_used_for_longest_goes_first(worker: Worker) -> None:
    """Two of a hundred fit into 250; the third takes the place of the one that rested."""
    worker.hold("a")
    worker.hold("b")
    age(worker, "a", 100)
    age(worker, "b", 200)
    worker.hold("c")
    assert worker.kept() == ["a", "c"]
    worker.hold("b")
    assert worker.fetched == ["a", "b", "c", "b"]
    assert not list(worker.shelf.folder.glob(".stepfarm-gone*"))


def test_using_a_model_is_remembered(worker: Worker) -> None:
    """Held again, it is the youngest."""
    worker.hold("a")
    worker.hold("b")
    age(worker, "a", 200)
    age(worker, "b", 100)
    worker.hold("a")
    worker.hold("c")
    assert worker.kept() == ["a", "c"]


def test_one_in_use_is_never_removed(worker: Worker) -> None:
    """Not even the oldest: the other one goes."""
    worker.hold("a")
    worker.hold("b")
    age(worker, "a", 200)

    def other() -> None:
        age(worker, "a", 300)
        worker.hold("c")

    worker.hold("a", within=other)
    assert worker.kept() == ["a", "c"]


def test_who_needs_what_is_in_use_waits_for_it(worker: Worker) -> None:
    """All of it is in use: the next model waits, and may leave."""

    def leave(trouble: str = "") -> None:
        raise KeyboardInterrupt(trouble)

    def other() -> None:
        with pytest.raises(KeyboardInterrupt):
            worker.hold("b", size=200, tick=leave)

    worker.hold("a", size=200, within=other)
    assert worker.kept() == ["a"]
    worker.hold("b", size=200)
    assert worker.kept() == ["b"]


def test_a_model_larger_than_the_budget_is_refused(worker: Worker) -> None:
    """With the setting that would let it in; nothing is removed for it."""
    worker.hold("a")
    with pytest.raises(ModelError, match=r"Model /m/big has 0\.0 GB, .* may have 0\.0 GB: raise FARM_MODEL_CACHE_GB"):
        worker.hold("big", size=251)
    assert worker.kept() == ["a"]


def test_workers_of_one_machine_fetch_once(worker: Worker) -> None:
    """The second waits for the first, and then finds it there; both load at the same time."""
    both = threading.Barrier(2, timeout=20)
    worker.slow = lambda: time.sleep(0.5)
    threads = [threading.Thread(target=worker.hold, args=("a",), kwargs={"within": both.wait}) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert worker.fetched == ["a"]
    assert not both.broken


def test_a_fetch_that_was_killed_goes_on(worker: Worker) -> None:
    """What it brought lies where the next one looks; nobody takes it for a model."""

    def killed() -> None:
        (worker.shelf.folder / "a.partial" / "brought").write_bytes(b"x")
        raise KeyboardInterrupt

    worker.slow = killed
    with pytest.raises(KeyboardInterrupt):
        worker.hold("a")
    assert not (worker.shelf.folder / "a").exists()
    seen = []
    worker.slow = lambda: seen.append((worker.shelf.folder / "a.partial" / "brought").exists())
    worker.hold("a")
    assert seen == [True]
    assert worker.kept() == ["a"]


def test_half_a_model_that_nobody_goes_on_with_makes_room(worker: Worker) -> None:
    """It has its place in the budget until then."""

    def killed() -> None:
        raise KeyboardInterrupt

    worker.slow = killed
    with pytest.raises(KeyboardInterrupt):
        worker.hold("a", size=200)
    worker.slow = lambda: None
    worker.hold("b", size=200)
    assert worker.kept() == ["b"]


@pytest.mark.parametrize("damage", [b"short", b"x" * 98, None])
def test_a_file_that_was_changed_is_fetched_again(worker: Worker, damage: bytes | None) -> None:
    """Of another size, of other content, or gone: what lies there is not what was checked."""
    weights = worker.hold("a") / "unet" / "w.safetensors"
    weights.unlink()
    if damage is not None:
        weights.write_bytes(damage)
    worker.hold("a")
    assert worker.fetched == ["a", "a"]


def test_a_file_that_was_only_touched_is_checked_again(worker: Worker) -> None:
    """Its content is what it was: nothing is fetched."""
    os.utime(worker.hold("a") / "unet" / "w.safetensors", (1, 1))
    worker.hold("a")
    assert worker.fetched == ["a"]


def test_a_touched_file_that_nobody_can_check_is_fetched_again(worker: Worker) -> None:
    """Of a bucket nobody knows the hashes."""
    folder = worker.hold("a")
    found = json.loads((folder / LIST).read_text())
    for file in found["inventory"]["files"]:
        file["sha256"] = None
    (folder / LIST).write_text(json.dumps(found))
    worker.hold("a")
    assert worker.fetched == ["a"]
    os.utime(folder / "unet" / "w.safetensors", (1, 1))
    worker.hold("a")
    assert worker.fetched == ["a", "a"]


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"inventory": {"files": [{"path": "../../etc/passwd"}]}, "stamps": {}}']
)
def test_a_damaged_list_is_no_model(worker: Worker, text: str) -> None:
    """Nor is one that names what lies elsewhere."""
    (worker.hold("a") / LIST).write_text(text)
    worker.hold("a")
    assert worker.fetched == ["a", "a"]


def test_a_link_in_place_of_a_file_is_not_followed(worker: Worker, tmp_path: Path) -> None:
    """Its content may be anything tomorrow: it is checked every time."""
    weights = worker.hold("a") / "unet" / "w.safetensors"
    (tmp_path / "other").write_bytes(weights.read_bytes())
    weights.unlink()
    weights.symlink_to(tmp_path / "other")
    worker.hold("a")
    (tmp_path / "other").write_bytes(b"x" * 98)
    worker.hold("a")
    assert worker.fetched == ["a", "a"]
    assert not weights.is_symlink()
    assert (tmp_path / "other").read_bytes() == b"x" * 98


def test_what_others_put_there_stays(worker: Worker) -> None:
    """A cache in a folder that has something else in it: that is not counted and not removed."""
    (worker.shelf.folder / "mine").mkdir(parents=True)
    (worker.shelf.folder / "mine" / "model_index.json").write_bytes(b"x" * 1000)
    for name in "abc":
        worker.hold(name)
    assert (worker.shelf.folder / "mine" / "model_index.json").stat().st_size == 1000


@pytest.fixture
def small_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Worker:
    """A cache with any budget on a disk for 2500 bytes of weights, and of nothing else."""
    folder = tmp_path / "cache"

    def allocated(place: Path) -> int:
        return sum(path.stat().st_size for path in place.rglob("w.safetensors"))

    monkeypatch.setattr(shelf_module, "_allocated", allocated)
    return Worker(Shelf(folder, 10**9, free=lambda _: shelf_module._MARGIN + 2500 - allocated(folder)))


def test_a_disk_that_is_too_full_makes_room_first(small_disk: Worker) -> None:
    """Free bytes count like the budget: what was not used for longest goes, and no more than must."""
    for name in ("a", "b"):
        small_disk.hold(name, size=1000)
    age(small_disk, "a", 100)
    small_disk.hold("c", size=1000)
    assert small_disk.kept() == ["b", "c"]


def test_a_disk_with_no_room_for_a_model_is_one_sentence(small_disk: Worker) -> None:
    """What is there stays: removing it would not help."""
    small_disk.hold("a")
    with pytest.raises(
        ModelError, match=r"The disk of the model cache .* is full: make room there, or set FARM_MODEL_CACHE"
    ):
        small_disk.hold("b", size=3000)
    assert small_disk.kept() == ["a"]


def test_a_disk_that_fills_up_is_one_sentence(worker: Worker) -> None:
    """While the files come."""

    def full() -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    worker.slow = full
    with pytest.raises(
        ModelError, match=r"is full: make room there, or set FARM_MODEL_CACHE to a folder on a larger disk"
    ):
        worker.hold("a")


def test_a_folder_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    """With the setting to change."""
    (tmp_path / "cache").write_text("a file")
    with pytest.raises(
        ModelError, match=r"cannot be used \(.*\): set FARM_MODEL_CACHE to a folder that this worker can"
    ):
        Worker(Shelf(tmp_path / "cache", 250)).hold("a")


def test_what_the_load_raises_is_not_the_disks(worker: Worker) -> None:
    """An error of whoever uses the model passes as it is, and the model stays."""

    def stumble() -> None:
        raise OSError(errno.ENOSPC, "elsewhere")

    with pytest.raises(OSError, match="elsewhere"):
        worker.hold("a", within=stumble)
    assert worker.kept() == ["a"]


def test_a_model_that_is_damaged_at_its_origin_leaves_the_others(worker: Worker) -> None:
    """The error comes out."""
    worker.hold("a")

    def damaged() -> None:
        raise DamagedError("w is not what was uploaded")

    worker.slow = damaged
    with pytest.raises(DamagedError):
        worker.hold("b")
    assert "a" in worker.kept()
