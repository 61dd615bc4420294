import errno
import json
import os
import stat
import subprocess
import sys
import tomllib
from pathlib import Path
from types import SimpleNamespace

import pytest

from farm.errors import UsageError
from farm.local.home import SUPERVISED, Home, python, write_private


def test_everything_lies_below_the_home(tmp_path: Path) -> None:
    """Removing the folder removes the farm."""
    home = Home(tmp_path)
    for path in (home.settings_file, home.pid_file, home.lock_file, home.redis, home.s3, home.log("redis")):
        assert tmp_path in path.parents


def test_the_home_is_its_owners(tmp_path: Path) -> None:
    """A home that is made is closed to others, and making it again changes nothing."""
    home = Home(tmp_path / "a" / "b")
    home.create()
    home.create()
    assert stat.S_IMODE(home.path.stat().st_mode) == 0o700


def test_a_home_that_cannot_be(tmp_path: Path) -> None:
    """A file where the home should be, or above it, a name that is too long: a sentence that names it."""
    file, long = tmp_path / "file", tmp_path / ("x" * 300)
    file.write_text("")
    said = {file: "is a file", file / "below": f"cannot be made, {file} is a file", long: "File name too long"}
    for path, words in said.items():
        with pytest.raises(UsageError, match=f"FARM_HOME {path} .*{words}: set FARM_HOME to a folder that can be"):
            Home(path).create()


def test_a_home_that_may_not_be_written_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody else's folder, or a disk that is read-only, is said before anything is begun."""
    monkeypatch.setattr("os.access", lambda *_: False)
    assert Home(tmp_path).obstacle() == "cannot be written to"
    assert Home(tmp_path / "a" / "b").obstacle() == f"cannot be made, {tmp_path} cannot be written to"
    monkeypatch.setattr("os.access", lambda *_: True)
    with monkeypatch.context() as patch:
        patch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=1000))
        assert Home(tmp_path).obstacle() == "has a full disk"

    def read_only(*_: object, **__: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr("pathlib.Path.mkdir", read_only)
    with pytest.raises(UsageError, match="cannot be made, Read-only file system: set FARM_HOME"):
        Home(tmp_path / "a").create()


def test_settings_are_written_for_the_owner_only(tmp_path: Path) -> None:
    """Other commands read the file with any TOML reader, other users not at all; writing it again replaces it."""
    home = Home(tmp_path)
    for port in (1, 2):
        home.write_settings({"redis_url": f"redis://:pw@127.0.0.1:{port}/0", "s3_folder": 'a "b" \\c/é'})
    assert tomllib.loads(home.settings_file.read_text()) == {
        "redis_url": "redis://:pw@127.0.0.1:2/0",
        "s3_folder": 'a "b" \\c/é',
    }
    assert stat.S_IMODE(home.settings_file.stat().st_mode) == 0o600


def test_a_draft_left_behind_is_no_obstacle(tmp_path: Path) -> None:
    """A writer that was killed half-way does not stop the next; its file was never seen under the real name."""
    (tmp_path / "file.new").write_text("half")
    write_private(tmp_path / "file.txt", "whole")
    assert (tmp_path / "file.txt").read_text() == "whole"
    assert [path.name for path in tmp_path.iterdir()] == ["file.txt"]


def test_a_child_knows_its_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Children inherit what this process has, or what they are given, and whose they are."""
    monkeypatch.setenv("SOMETHING", "inherited")
    mine, given = Home(tmp_path).environment(), Home(tmp_path).environment({"ONLY": "this"})
    assert mine["SOMETHING"] == "inherited"
    assert "SOMETHING" not in given
    assert given["ONLY"] == "this"
    for environment in (mine, given):
        assert environment["FARM_HOME"] == environment[SUPERVISED] == str(tmp_path)


def test_a_child_imports_this_farm_and_not_what_lies_where_the_user_works(tmp_path: Path) -> None:
    """A folder that happens to be called like a module of ours does not take its place."""
    for name in ("farm", "workers"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("raise SystemExit('somebody else')")
    code = "import farm, json, workers; print(json.dumps([farm.__file__, workers.__file__]))"
    command = [*python()[:2], "-c", code]
    said = subprocess.run(
        command, cwd=tmp_path, env=Home(tmp_path).environment(), capture_output=True, text=True, check=True
    ).stdout
    import farm

    assert farm.__file__ is not None
    assert json.loads(said)[0] == os.path.realpath(farm.__file__)


def test_the_interpreter_is_this_one() -> None:
    """A farm in an environment starts its children in that environment."""
    assert python("farm", "up") == [sys.executable, "-P", "-m", "farm", "up"]
