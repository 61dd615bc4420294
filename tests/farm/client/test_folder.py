import errno
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from farm.client.folder import Content, Folder, claimed, digest, prepare, writing
from farm.errors import FarmError, UsageError

MUGS = Content("mugs-1", "files")
#: Another process that has written half a file.
HOLDER = """
import sys, time
from pathlib import Path
from farm.client.folder import Content, claimed
with claimed(Path(sys.argv[1]), Content("mugs-1", "files"), force=False) as folder:
    with folder.part(folder.path / "b.png") as part:
        part.write_bytes(b"ha")
        print(1, flush=True)
        time.sleep(60)
"""


def fill(path: Path, content: Content = MUGS, *, force: bool = False) -> None:
    """Fetch one file into a folder."""
    with claimed(path, content, force=force) as folder:
        folder.write(path / "a.png", [b"pic", b"ture"])


def test_a_new_folder_is_made(tmp_path: Path) -> None:
    """With those above it; a file is written whole."""
    fill(tmp_path / "a" / "b")
    assert (tmp_path / "a" / "b" / "a.png").read_bytes() == b"picture"


def test_the_same_job_may_come_again(tmp_path: Path) -> None:
    """No word is needed to go on with what was begun."""
    fill(tmp_path)
    fill(tmp_path)
    prepare(tmp_path, MUGS, force=False)


@pytest.mark.parametrize("other", [Content("cups-2", "files"), Content("mugs-1", "webdataset")])
def test_another_content_is_refused(tmp_path: Path, other: Content) -> None:
    """The sentence says what is there; forced, the folder is the other's from then on."""
    fill(tmp_path)
    with pytest.raises(UsageError, match=r"holds job mugs-1 as files: name another folder, or add --force"):
        fill(tmp_path, other)
    fill(tmp_path, other, force=True)
    fill(tmp_path, other)


def test_a_folder_with_something_in_it_is_refused(tmp_path: Path) -> None:
    """Unless forced; what was there stays."""
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(UsageError, match=r"is not empty: name another folder, or add --force"):
        fill(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]
    fill(tmp_path, force=True)
    assert (tmp_path / "notes.txt").read_text() == "mine"


def test_what_died_before_it_said_what_it_was_is_nobodys(tmp_path: Path) -> None:
    """A state folder without a word in it stands in nobody's way, nor does a damaged one without files."""
    (tmp_path / ".stepfarm").mkdir()
    fill(tmp_path)
    (tmp_path / "a.png").unlink()
    (tmp_path / ".stepfarm" / "job.json").write_text("{")
    fill(tmp_path)


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    """Neither where the folder would be, nor above it."""
    (tmp_path / "file").write_text("x")
    with pytest.raises(UsageError, match="is a file"):
        prepare(tmp_path / "file", force=True)
    with pytest.raises(UsageError, match="cannot be used: Not a directory"):
        prepare(tmp_path / "file" / "below", force=False)


def test_two_fetches_do_not_share_a_folder(tmp_path: Path) -> None:
    """The second is told to wait; when the first ends, in whatever way, it may."""
    with subprocess.Popen([sys.executable, "-c", HOLDER, str(tmp_path)], stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"1\n"
        with pytest.raises(UsageError, match="Another `farm fetch` is writing into"):
            fill(tmp_path)
        other.send_signal(signal.SIGKILL)
    assert len(list((tmp_path / ".stepfarm").glob("part-*"))) == 1
    fill(tmp_path)
    assert sorted(path.name for path in tmp_path.rglob("*") if path.is_file()) == ["a.png", "job.json", "lock"]


@pytest.mark.parametrize("name", ["../evil.png", "/etc/evil.png", "a/../../evil.png"])
def test_no_name_leads_out_of_the_folder(name: str, tmp_path: Path) -> None:
    """Records come from workers, and a worker may be anybody's."""
    with pytest.raises(UsageError, match="leads out"):
        Folder(tmp_path).inside(name)


def test_names_may_have_folders_of_their_own(tmp_path: Path) -> None:
    """`output.name` may sort pictures into folders."""
    assert Folder(tmp_path).inside("20/000001.png") == tmp_path.resolve() / "20" / "000001.png"


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_one_sentence(number: int, tmp_path: Path) -> None:
    """What to do, and that nothing is lost."""
    said = r"is full: what was fetched is kept; make room and run the same command again"
    with pytest.raises(FarmError, match=said) as caught, writing(tmp_path):
        raise OSError(number, os.strerror(number))
    assert caught.value.exit_code == 1


def test_a_write_that_fails_leaves_what_was_there(tmp_path: Path) -> None:
    """Neither half a file nor a part of it."""

    def pieces() -> Iterator[bytes]:
        """One piece, then the disk is full."""
        yield b"new"
        raise OSError(errno.ENOSPC, "No space left on device")

    with claimed(tmp_path, MUGS, force=False) as folder:
        folder.write(tmp_path / "a", [b"old"])
        with pytest.raises(FarmError, match="is full"):
            folder.write(tmp_path / "a", pieces())
    assert (tmp_path / "a").read_bytes() == b"old"
    assert not list((tmp_path / ".stepfarm").glob("part-*"))


def test_a_file_is_replaced_in_one_step(tmp_path: Path) -> None:
    """Whoever reads the old one while the new one comes reads the old one to its end."""
    with claimed(tmp_path, MUGS, force=False) as folder:
        folder.write(tmp_path / "a", [b"old"])
        with (tmp_path / "a").open("rb") as reader:
            folder.write(tmp_path / "a", [b"new and longer"])
            assert reader.read() == b"old"
    assert (tmp_path / "a").read_bytes() == b"new and longer"


def test_what_the_file_system_refuses_is_named(tmp_path: Path) -> None:
    """A folder stands where a picture should."""
    (tmp_path / "a.png" / "x").mkdir(parents=True)
    with pytest.raises(FarmError, match="cannot be used"):
        fill(tmp_path, force=True)


def test_the_digest_of_what_is_no_file_is_none(tmp_path: Path) -> None:
    """A folder, nothing, or something below a file."""
    (tmp_path / "file").write_bytes(b"")
    assert digest(tmp_path / "file") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert [digest(path) for path in (tmp_path, tmp_path / "no", tmp_path / "file" / "no")] == [None, None, None]
