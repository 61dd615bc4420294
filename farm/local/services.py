"""Redis and S3 alone: started until they answer, on ports that were free."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from farm.errors import ServiceError
from farm.local.home import Home
from farm.local.process import Process
from farm.local.redis import RedisServer
from farm.local.s3 import S3Server
from farm.settings import Settings

#: A kind of service; made anew with another port when the first was taken after all.
Server = RedisServer | S3Server
S = TypeVar("S", bound=Server)

#: Seconds a service has to answer after it was started.
_ANSWER = 20.0
#: Ports to try before giving up.
_PORTS = 5


def start_first(make: Callable[[], S]) -> tuple[S, Process]:
    """Start a service for the first time: with another port when it ends at once, as when its port was taken.

    Raises:
        ServiceError: it does not come up; says its last words.
    """
    words = ""
    for _ in range(_PORTS):
        server = make()
        process = server.start()
        try:
            if answers(server, process):
                return server, process
            words = process.last_words()
        except BaseException:
            process.kill()
            raise
    raise ServiceError(f"The local {server.name} does not start: {words or 'it says nothing'} ({process.log}).")


def answers(server: Server, process: Process) -> bool:
    """Wait until the service answers; False when it ended instead. Raises `ServiceError` when it never does."""
    deadline = time.monotonic() + _ANSWER
    while process.ended is None:
        try:
            server.check()
        except ServiceError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
        else:
            return process.ended is None
    return False


@contextmanager
def local_services(home: Path) -> Iterator[Settings]:
    """A Redis and an S3 server over this folder while the block runs; yields the settings that reach them."""
    place = Home(home.resolve())
    place.create()
    redis, redis_process = start_first(lambda: RedisServer(place))
    try:
        s3, s3_process = start_first(lambda: S3Server(place))
        try:
            yield Settings.load(home=place.path, **redis.settings(), **s3.settings())
        finally:
            s3_process.stop(5)
    finally:
        redis_process.stop(5)
