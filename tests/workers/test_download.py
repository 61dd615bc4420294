"""A model's files from a store to a disk: all of them, none twice, nothing that is not what was uploaded."""

import hashlib
import threading
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from farm.errors import DamagedError, NotInStoreError, StoreError
from farm.inventory import File, Inventory
from workers import download
from workers.download import Download, patiently, sha256

FILES = {
    "model_index.json": b"{}",
    "unet/big.safetensors": bytes(range(256)) * 4 + b"end",
    "unet/config.json": b"",
    "vae/small.safetensors": b"12345678",
}


class Shop:
    """Gives parts of files, and remembers which."""

    def __init__(self, files: dict[str, bytes] | None = None) -> None:
        self.files = dict(FILES if files is None else files)
        self.given: list[tuple[str, int]] = []
        self.away = 0

    def read(self, path: str, start: int, stop: int) -> bytes:
        """A part, unless the shop is closed."""
        if self.away > 0:
            self.away -= 1
            raise StoreError("The store is away.")
        if path not in self.files:
            raise NotInStoreError(path)
        self.given.append((path, start))
        return self.files[path][start:stop]


def inventory(files: dict[str, bytes] | None = None) -> Inventory:
    """What the submitter wrote."""
    found = FILES if files is None else files
    listed = (File(path=path, bytes=len(data), sha256=hashlib.sha256(data).hexdigest()) for path, data in found.items())
    return Inventory(model="/models/mine", revision="r", files=tuple(listed))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where to."""
    return tmp_path


def contents(folder: Path) -> dict[str, bytes]:
    """Every file that lies there."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def bring(shop: Shop, folder: Path, **options: float) -> None:
    """Download in parts of 100 bytes."""
    Download(inventory(), shop.read, folder, chunk=100, delay=options.get("delay", 0.01)).run(patiently)


def test_every_file_comes_whole(folder: Path) -> None:
    """In parts, each once; an empty file too; nothing else is left."""
    shop = Shop()
    bring(shop, folder)
    assert contents(folder) == FILES
    assert len(shop.given) == len(set(shop.given)) == 1 + 11 + 1 + 1


@settings(deadline=None, max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.binary(max_size=2000), chunk=st.integers(1, 2500))
def test_any_file_in_parts_of_any_size(tmp_path_factory: pytest.TempPathFactory, data: bytes, chunk: int) -> None:
    """What comes is what was there."""
    files = {"model_index.json": b"{}", "unet/w.safetensors": data}
    folder = tmp_path_factory.mktemp("any")
    Download(inventory(files), Shop(files).read, folder, chunk=max(chunk, len(data) // 20 + 1)).run(patiently)
    assert contents(folder) == files


def test_what_was_brought_before_is_not_brought_again(folder: Path) -> None:
    """A download that was killed goes on part by part."""
    shop = Shop()

    def killed(path: str, start: int, stop: int) -> bytes:
        if len(shop.given) >= 6:
            raise DamagedError("killed")
        return shop.read(path, start, stop)

    with pytest.raises(DamagedError):
        Download(inventory(), killed, folder, chunk=100).run(patiently)
    before = list(shop.given)
    assert 6 <= len(before) < 14
    bring(shop, folder)
    assert contents(folder) == FILES
    assert len(shop.given) == len(set(shop.given)) == 14


def test_a_file_that_is_not_what_was_uploaded_is_brought_again(folder: Path) -> None:
    """A part that was garbled once is right the second time."""
    shop = Shop()

    def garbled(path: str, start: int, stop: int) -> bytes:
        first = (path, start) not in shop.given
        data = shop.read(path, start, stop)
        return b"x" * len(data) if first and start == 300 else data

    Download(inventory(), garbled, folder, chunk=100).run(patiently)
    assert contents(folder) == FILES
    assert len(shop.given) == 14 + 11


def test_a_file_that_stays_wrong_is_refused(folder: Path) -> None:
    """Changed in the store: said with its name, and not left for anybody to load."""
    shop = Shop(FILES | {"vae/small.safetensors": b"12345679"})
    with pytest.raises(DamagedError, match=r"vae/small\.safetensors is not what was uploaded"):
        bring(shop, folder)
    assert contents(folder)["vae/small.safetensors"] == bytes(8)


def test_a_file_that_is_gone_or_shorter_is_refused(folder: Path) -> None:
    """Somebody deleted it, or put another there."""
    shop = Shop({path: data for path, data in FILES.items() if "vae" not in path})
    with pytest.raises(DamagedError, match=r"vae/small\.safetensors is gone"):
        bring(shop, folder)
    with pytest.raises(DamagedError, match=r"vae/small\.safetensors is shorter than it was"):
        bring(Shop(FILES | {"vae/small.safetensors": b"1"}), folder)


def test_a_store_that_is_away_is_waited_for(folder: Path) -> None:
    """Whoever waits hears why; afterwards all is there."""
    shop = Shop()
    shop.away = 10_000

    def hear(trouble: str = "") -> None:
        if trouble == "The store is away.":
            shop.away = 0

    Download(inventory(), shop.read, folder, chunk=100, delay=0.1).run(hear)
    assert contents(folder) == FILES


def test_a_store_that_stays_away_is_given_up(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a minute of tries."""
    monkeypatch.setattr(download, "TRIES", 3)
    shop = Shop()
    shop.away = 10_000
    with pytest.raises(StoreError, match="The store is away"):
        bring(shop, folder)


def test_who_waits_may_leave(folder: Path) -> None:
    """A cancelled job stops the download, and what is there stays for the next one."""
    shop, entered = Shop(), threading.Event()

    def slow(path: str, start: int, stop: int) -> bytes:
        if path.startswith("unet/big"):
            entered.set()
            threading.Event().wait(0.2)
        return shop.read(path, start, stop)

    def leave(trouble: str = "") -> None:
        assert not trouble
        if entered.is_set():
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Download(inventory(), slow, folder, chunk=10).run(leave)
    assert len(shop.given) < 105
    assert (folder / "unet" / "big.safetensors.parts").exists()
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("download")]


def test_nothing_is_written_through_a_link(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    """A link that somebody put into the cache leads nowhere."""
    precious = tmp_path_factory.mktemp("elsewhere") / "precious"
    precious.write_bytes(b"12345678")
    (folder / "vae").mkdir()
    (folder / "vae" / "small.safetensors").symlink_to(precious)
    bring(Shop(), folder)
    assert contents(folder) == FILES
    assert precious.read_bytes() == b"12345678"
    assert not (folder / "vae" / "small.safetensors").is_symlink()


def test_a_hash_is_of_the_whole_file(tmp_path: Path) -> None:
    """As everybody else computes it."""
    (tmp_path / "f").write_bytes(b"abc")
    assert sha256(tmp_path / "f") == hashlib.sha256(b"abc").hexdigest()
