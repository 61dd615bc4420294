from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from farm.client.fetch import IMAGES, inside, prepare
from farm.errors import NoSuchJobError, UsageError
from farm.ledger.values import JobState
from farm.store import keys

if TYPE_CHECKING:
    from tests.farm.conftest import Stage


def test_pictures_and_results_are_brought(stage: "Stage", tmp_path: Path) -> None:
    """Pictures in `images`, what the job's end wrote and the contact sheet beside them."""
    job = stage.submit().job
    names = stage.render(job)
    stage.end(job, JobState.DONE)
    told: list[int] = []
    fetched = stage.farm.fetch(job, tmp_path / "out", on_image=told.append)
    assert sorted(path.name for path in (tmp_path / "out" / IMAGES).iterdir()) == sorted(names)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "contact-sheet.png", "errors.jsonl", IMAGES, "results.jsonl",
    ]  # fmt: skip
    assert (fetched.images, fetched.bad, told) == (4, (), [1, 2, 3, 4])
    assert fetched.bytes == sum(path.stat().st_size for path in (tmp_path / "out" / IMAGES).iterdir())


def test_a_job_in_progress_gives_what_it_has(stage: "Stage", tmp_path: Path) -> None:
    """No results yet, and no error either."""
    job = stage.submit().job
    stage.render(job, 2)
    assert stage.farm.fetch(job, tmp_path / "out").images == 2
    assert not (tmp_path / "out" / "results.jsonl").exists()


def test_a_job_without_pictures_makes_an_empty_folder(stage: "Stage", tmp_path: Path) -> None:
    """There is nothing to lay out on a contact sheet."""
    job = stage.submit().job
    fetched = stage.farm.fetch(job, tmp_path / "out")
    assert (fetched.images, fetched.sheet) == (0, None)
    assert list((tmp_path / "out").iterdir()) == []


def test_a_damaged_picture_is_named_and_not_written(stage: "Stage", tmp_path: Path) -> None:
    """What is not what was rendered is no picture of this job."""
    job = stage.submit().job
    names = stage.render(job)
    stage.store.put(keys.image(job, names[2]), b"\x89PNG but broken")
    fetched = stage.farm.fetch(job, tmp_path / "out")
    assert (fetched.images, fetched.bad) == (3, (names[2],))
    assert not (tmp_path / "out" / IMAGES / names[2]).exists()


def test_a_folder_with_something_in_it_is_refused(stage: "Stage", tmp_path: Path) -> None:
    """Unless told to write into it; what was there stays."""
    job = stage.submit().job
    stage.render(job)
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(UsageError, match=r"not empty.*--force"):
        stage.farm.fetch(job, tmp_path)
    stage.farm.fetch(job, tmp_path, force=True)
    assert (tmp_path / "notes.txt").read_text() == "mine"


def test_an_unknown_job_leaves_no_folder(stage: "Stage", tmp_path: Path) -> None:
    """A typing error makes no mess."""
    with pytest.raises(NoSuchJobError):
        stage.farm.fetch("nothing", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    """Neither where the folder would be, nor above it."""
    (tmp_path / "file").write_text("x")
    with pytest.raises(UsageError, match="is a file"):
        prepare(tmp_path / "file", force=True)
    with pytest.raises(UsageError, match="cannot be made"):
        prepare(tmp_path / "file" / "below", force=False)


@pytest.mark.parametrize("name", ["../evil.png", "/etc/evil.png", "a/../../evil.png"])
def test_no_name_leads_out_of_the_folder(name: str, tmp_path: Path) -> None:
    """Records come from workers, and a worker may be anybody's."""
    with pytest.raises(UsageError, match="leads out"):
        inside(tmp_path, name)


def test_names_may_have_folders_of_their_own(tmp_path: Path) -> None:
    """`output.name` may sort pictures into folders."""
    assert inside(tmp_path, "20/000001.png") == tmp_path.resolve() / "20" / "000001.png"
