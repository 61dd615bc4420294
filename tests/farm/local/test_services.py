import signal
import socketserver
import threading
from pathlib import Path
from typing import cast

import pytest
import redis

from farm.errors import ServiceError, StoreError
from farm.local.home import Home
from farm.local.leftovers import carriers
from farm.local.process import Process
from farm.local.redis import RedisServer
from farm.local.s3 import S3Server
from farm.local.services import Server, answers, local_services, start_first
from farm.store.s3 import S3Store


def test_services_answer_while_the_block_runs(tmp_path: Path) -> None:
    """Inside the block both are there with the settings that were yielded; afterwards nothing is left."""
    with local_services(tmp_path / "home") as settings:
        S3Store.from_settings(settings).put("kept", b"1")
        client = redis.Redis.from_url(settings.require_redis_url())
        client.set("kept", "1")
        client.close()
        assert settings.home == tmp_path / "home"
        assert len(carriers(Home(settings.home))) == 2
    assert carriers(Home(settings.home)) == []
    assert not Home(settings.home).settings_file.exists()


def test_an_error_inside_ends_them_too(tmp_path: Path) -> None:
    """A failing test leaves no server behind."""

    def fail() -> None:
        with local_services(tmp_path):
            raise KeyError("inside")

    with pytest.raises(KeyError):
        fail()
    assert carriers(Home(tmp_path)) == []


class _Other(socketserver.BaseRequestHandler):
    """Somebody else's service."""

    def handle(self) -> None:
        """Say something that is neither Redis nor S3."""
        self.request.sendall(b"220 mail.example ready\r\n")


@pytest.mark.parametrize("kind", [RedisServer, S3Server])
def test_a_taken_port_is_another_choice(tmp_path: Path, kind: type[RedisServer | S3Server]) -> None:
    """A port that somebody took between the choice and the start is given up for the next one."""
    home = Home(tmp_path)
    made: list[RedisServer | S3Server] = []
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), _Other) as taken:
        threading.Thread(target=taken.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

        def make() -> RedisServer | S3Server:
            made.append(kind(home) if made else kind(home, port=taken.server_address[1]))
            return made[-1]

        server, process = start_first(make)
        process.stop(5)
        taken.shutdown()
    assert made == [made[0], server]


class Stub:
    """A server that ends at once, or never answers."""

    name = "stub"

    def __init__(self, process: "StubProcess") -> None:
        self.process = process

    def start(self) -> "StubProcess":
        """Start it."""
        return self.process

    def check(self) -> None:
        """Not yet."""
        raise StoreError("not yet")


class StubProcess:
    """Its process."""

    log = Path("stub.log")

    def __init__(self, ended: int | None) -> None:
        self.ended = ended

    def last_words(self) -> str:
        """What it said."""
        return "no such option"

    def kill(self) -> None:
        """End it."""
        self.ended = -signal.SIGKILL


def test_what_ends_at_once_says_why() -> None:
    """After a few tries the last words of the program are the sentence."""
    stub = cast("Server", Stub(StubProcess(1)))
    with pytest.raises(ServiceError, match=r"The local stub does not start: no such option \(stub.log\)"):
        start_first(lambda: stub)


def test_what_never_answers_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that runs and does not answer is given up, and not left running."""
    monkeypatch.setattr("farm.local.services._ANSWER", 0.1)
    process = StubProcess(None)
    stub = cast("Server", Stub(process))
    with pytest.raises(StoreError, match="not yet"):
        start_first(lambda: stub)
    assert process.ended == -signal.SIGKILL


def test_waiting_ends_with_the_process() -> None:
    """Nobody waits for an answer of a process that is gone."""
    process = StubProcess(0)
    assert not answers(cast("Server", Stub(process)), cast("Process", process))
