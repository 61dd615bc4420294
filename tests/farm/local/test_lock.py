from pathlib import Path

import pytest

from farm.local.home import Home
from farm.local.lock import Notice, fallen, held, is_up
from farm.settings import Settings


def test_one_holds_it(tmp_path: Path) -> None:
    """The lock is held by one, the next is told at once, and it is free again afterwards."""
    home = Home(tmp_path)
    with held(home) as first, held(home) as second:
        assert first is not None
        assert second is None
        assert is_up(home)
    assert not is_up(home)
    with held(home) as again:
        assert again


def test_a_lock_is_its_file(tmp_path: Path) -> None:
    """A home that was removed, and made again by somebody else, is not ours any more."""
    home = Home(tmp_path)
    with held(home) as lock:
        assert lock is not None
        assert lock.is_ours()
        home.lock_file.unlink()
        assert not lock.is_ours()
        with held(home) as another:
            assert another is not None
            assert another.is_ours()
            assert not lock.is_ours()


def test_asking_leaves_nothing(tmp_path: Path) -> None:
    """A home without a farm stays as it is when it is asked."""
    assert not is_up(Home(tmp_path))
    assert list(tmp_path.iterdir()) == []


def test_a_farm_whose_supervisor_was_killed_is_down(tmp_path: Path) -> None:
    """Its file still leads there, and nobody holds its lock: the sentence names the home and the word that mends it."""
    home, ours, other = Home(tmp_path), "redis://:pw@127.0.0.1:1/0", "redis://elsewhere:1/0"
    assert fallen(Settings.load(home=home.path, redis_url=ours)) is None
    home.write_settings({"redis_url": ours})
    assert fallen(Settings.load(home=home.path)) == (
        f"The farm in {home.path} is down: `farm up` starts it again, with its jobs and pictures."
    )
    assert fallen(Settings.load(home=home.path, redis_url=other)) is None
    with held(home):
        assert fallen(Settings.load(home=home.path)) is None


def test_a_notice_is_read_as_it_was_written(tmp_path: Path) -> None:
    """What a supervisor says of itself reaches others whole."""
    notice = Notice(pid=7, state="up", children={"redis": 8})
    notice.write(Home(tmp_path))
    assert Notice.read(Home(tmp_path)) == notice


@pytest.mark.parametrize("text", [None, "", "{", "[]", '{"pid": 1}', '{"pid": 1, "state": "up", "more": 2}'])
def test_a_notice_that_cannot_be_read_is_none(tmp_path: Path, text: str | None) -> None:
    """A half-written or foreign file is no notice and no error."""
    if text is not None:
        Home(tmp_path).pid_file.write_text(text)
    assert Notice.read(Home(tmp_path)) is None
