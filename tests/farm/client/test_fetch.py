import errno
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from farm.client.fetch import IMAGES
from farm.client.folder import Folder
from farm.client.tally import Tally
from farm.errors import FarmError, NoSuchJobError, StoreError, UsageError
from farm.ledger.values import JobState
from farm.store import keys

if TYPE_CHECKING:
    from tests.farm.conftest import Stage


def files(folder: Path) -> dict[str, bytes]:
    """Every file that a user sees, by its path in the folder."""
    found = [path for path in folder.rglob("*") if path.is_file() and ".stepfarm" not in path.parts]
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(found)}


def gets(stage: "Stage", monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the pictures that are asked of the store from now on."""
    asked: list[str] = []
    get = stage.store.get

    def noted(key: str) -> bytes:
        """Remember what is asked for."""
        if "/images/" in key:
            asked.append(key.rpartition("/")[2])
        return get(key)

    monkeypatch.setattr(stage.store, "get", noted)
    return asked


def test_pictures_and_results_are_brought(stage: "Stage", tmp_path: Path) -> None:
    """Pictures in `images`, what the job's end wrote and the contact sheet beside them; no empty list of errors."""
    job = stage.submit().job
    names = stage.render(job)
    stage.end(job, JobState.DONE)
    told: list[tuple[int, int]] = []

    def note(tally: Tally) -> None:
        """Remember how far it came."""
        told.append((tally.images, tally.total))

    fetched = stage.farm.fetch(job, tmp_path / "out", on_progress=note)
    found = files(tmp_path / "out")
    assert sorted(found) == ["contact-sheet.png", *(f"{IMAGES}/{name}" for name in sorted(names)), "results.jsonl"]
    assert (fetched.images, fetched.brought, fetched.bad) == (4, 4, ())
    assert told == [(1, 4), (2, 4), (3, 4), (4, 4)]
    assert fetched.bytes == sum(len(data) for path, data in found.items() if path.startswith(IMAGES))
    assert fetched.errors is None


def test_a_job_in_progress_gives_what_it_has(stage: "Stage", tmp_path: Path) -> None:
    """No results yet, and no error either; the next fetch brings the rest."""
    job = stage.submit().job
    stage.render(job, 2)
    assert stage.farm.fetch(job, tmp_path).images == 2
    assert not (tmp_path / "results.jsonl").exists()
    sheet = (tmp_path / "contact-sheet.png").read_bytes()
    stage.render(job, 2)
    stage.end(job, JobState.DONE)
    again = stage.farm.fetch(job, tmp_path)
    assert (again.images, again.brought) == (4, 2)
    assert (tmp_path / "results.jsonl").exists()
    assert (tmp_path / "contact-sheet.png").read_bytes() != sheet


def test_a_job_without_pictures_makes_an_empty_folder(stage: "Stage", tmp_path: Path) -> None:
    """There is nothing to lay out on a contact sheet."""
    job = stage.submit().job
    fetched = stage.farm.fetch(job, tmp_path / "out")
    assert (fetched.images, fetched.sheet) == (0, None)
    assert files(tmp_path / "out") == {}


def test_only_what_is_missing_or_damaged_is_brought(
    stage: "Stage", tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a hundred pictures, the two that are not whole on this disk; the others are not even asked for."""
    job = stage.submit(seed="1-50").job
    names = stage.render(job, 100)
    stage.farm.fetch(job, tmp_path)
    whole = files(tmp_path)
    (tmp_path / IMAGES / names[7]).write_bytes(b"")
    (tmp_path / IMAGES / names[70]).unlink()
    asked = gets(stage, monkeypatch)
    fetched = stage.farm.fetch(job, tmp_path)
    assert sorted(asked) == sorted([names[7], names[70]])
    assert (fetched.images, fetched.brought) == (100, 2)
    assert files(tmp_path) == whole


@pytest.mark.parametrize("layout", ["files", "webdataset", "imagefolder"])
def test_a_fetch_that_broke_off_is_completed(stage: "Stage", tmp_path: Path, layout: Any) -> None:
    """Whatever breaks it, and wherever: the next one leaves what one that never broke off leaves."""
    job = stage.submit(seed="1-40").job
    stage.render(job, 80)
    stage.end(job, JobState.DONE)
    stage.farm.fetch(job, tmp_path / "whole", layout=layout)

    class Cut(Exception):  # noqa: N818 what a signal would do
        """The process ends here."""

    def cut(tally: Tally) -> None:
        """End in the middle."""
        if tally.images == 30:
            raise Cut

    with pytest.raises(Cut):
        stage.farm.fetch(job, tmp_path / "cut", layout=layout, on_progress=cut)
    assert files(tmp_path / "cut") != files(tmp_path / "whole")
    stage.farm.fetch(job, tmp_path / "cut", layout=layout)
    assert files(tmp_path / "cut") == files(tmp_path / "whole")


def test_a_damaged_picture_is_named_and_not_written(stage: "Stage", tmp_path: Path) -> None:
    """What is not what was rendered is no picture of this job."""
    job = stage.submit().job
    names = stage.render(job)
    stage.store.put(keys.image(job, names[2]), b"\x89PNG but broken")
    fetched = stage.farm.fetch(job, tmp_path / "out")
    assert (fetched.images, fetched.bad) == (3, (names[2],))
    assert not (tmp_path / "out" / IMAGES / names[2]).exists()


def test_errors_are_brought_and_go_when_a_retry_has_mended_them(stage: "Stage", tmp_path: Path) -> None:
    """What failed is a file of its own while anything failed."""
    job = stage.submit().job
    stage.render(job)
    stage.end(job, JobState.FAILED)
    stage.store.put(keys.errors(job), b'{"prompt":"a"}\n')
    assert stage.farm.fetch(job, tmp_path).errors == tmp_path / "errors.jsonl"
    stage.store.put(keys.errors(job), b"")
    assert stage.farm.fetch(job, tmp_path).errors is None
    assert not (tmp_path / "errors.jsonl").exists()


def test_an_unknown_job_leaves_no_folder(stage: "Stage", tmp_path: Path) -> None:
    """A typing error makes no mess."""
    with pytest.raises(NoSuchJobError):
        stage.farm.fetch("nothing", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_another_job_needs_another_folder(stage: "Stage", tmp_path: Path) -> None:
    """Two jobs of one pattern would write over each other's pictures."""
    mugs, cups = (stage.submit(name).job for name in ("mugs", "cups"))
    stage.render(mugs)
    stage.farm.fetch(mugs, tmp_path)
    with pytest.raises(UsageError, match=f"holds job {mugs} as files: name another folder"):
        stage.farm.fetch(cups, tmp_path)


def test_a_disk_that_fills_keeps_what_came(stage: "Stage", tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One sentence, and the next fetch brings only the rest."""
    job = stage.submit(seed="1-20").job
    stage.render(job, 40)
    write, written = Folder.write, list[str]()

    def full(folder: Folder, path: Path, pieces: Any) -> int:
        """Room for ten pictures."""
        if path.parent.name == IMAGES and len(written) >= 10:
            pieces = _no_room()
        elif path.parent.name == IMAGES:
            written.append(path.name)
        return write(folder, path, pieces)

    monkeypatch.setattr(Folder, "write", full)
    with pytest.raises(FarmError, match="is full: what was fetched is kept"):
        stage.farm.fetch(job, tmp_path)
    assert sorted(path.name for path in (tmp_path / IMAGES).iterdir()) == sorted(written)
    monkeypatch.undo()
    fetched = stage.farm.fetch(job, tmp_path)
    assert (fetched.images, fetched.brought) == (40, 40 - len(written))


def _no_room() -> Any:
    raise OSError(errno.ENOSPC, "No space left on device")
    yield b""


def test_a_store_that_goes_away_leaves_what_came(
    stage: "Stage", tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sentence says that the same command goes on."""
    job = stage.submit(seed="1-50").job
    names = stage.render(job, 100)
    get, exists = stage.store.get, stage.store.exists

    def asked(key: str, ask: Any) -> Any:
        """Away from the eightieth picture on."""
        if key.endswith(names[80]):
            raise StoreError("The store cannot be reached.")
        return ask(key)

    monkeypatch.setattr(stage.store, "get", lambda key: asked(key, get))
    monkeypatch.setattr(stage.store, "exists", lambda key: asked(key, exists))
    with pytest.raises(StoreError, match=r"reached\. What was fetched is kept: run the same command again"):
        stage.farm.fetch(job, tmp_path)
    assert len(list((tmp_path / IMAGES).iterdir())) >= 40
