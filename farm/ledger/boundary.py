"""Redis errors become sentences here, and nowhere else."""

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar
from urllib.parse import urlsplit

import redis
from redis import exceptions

from farm.errors import LedgerError

T = TypeVar("T")


_REFUSED = "refuses the password, or wants one: check FARM_REDIS_URL (redis://:PASSWORD@HOST:PORT)."
_ACL = "forbids this user a command the ledger needs: check the user's ACL."
_REPLICA = "is a read-only replica: point FARM_REDIS_URL at the primary."
_MEMORY = "is out of memory: raise its maxmemory, and keep the policy noeviction."

#: What Redis may answer: the kind of error, a word of its text, and what to check. The first that fits is said; words
#: are there for errors inside a script, which come without their kind.
_SENTENCES: tuple[tuple[type[Exception], str, str], ...] = (
    (exceptions.RedisError, "WRONGPASS", _REFUSED),
    (exceptions.RedisError, "NOAUTH", _REFUSED),
    (exceptions.AuthenticationError, "", _REFUSED),
    (exceptions.RedisError, "NOPERM", _ACL),
    (exceptions.NoPermissionError, "", _ACL),
    (exceptions.RedisError, "READONLY", _REPLICA),
    (exceptions.ReadOnlyError, "", _REPLICA),
    (exceptions.RedisError, "OOM ", _MEMORY),
    (exceptions.OutOfMemoryError, "", _MEMORY),
    (exceptions.BusyLoadingError, "", "is still loading its data: try again in a moment."),
    (exceptions.TimeoutError, "", "did not answer in time: check the network and the server's load."),
    (exceptions.ConnectionError, "", "cannot be reached: check that it runs, and FARM_REDIS_URL."),
)


def sentence(error: Exception, place: str) -> str:
    """What is wrong with Redis at ``host:port``, and what to check; never holds a password."""
    text = str(error)
    fitting = (advice for kind, word, advice in _SENTENCES if isinstance(error, kind) and word in text)
    return f"Redis at {place} {next(fitting, f'answered with an error: {text}')}"


def place(client: "redis.Redis") -> str:
    """``host:port`` or the socket's path of a client."""
    options = client.connection_pool.connection_kwargs
    return str(options.get("path") or f"{options.get('host', 'localhost')}:{options.get('port', 6379)}")


def place_of_url(url: str) -> str:
    """``host:port`` of a Redis URL, without what is secret in it."""
    try:
        parts = urlsplit(url)
        port = parts.port or 6379
    except ValueError:
        return "the address in FARM_REDIS_URL"
    return f"{parts.hostname}:{port}" if parts.hostname else parts.path


@contextmanager
def translated(where: str) -> Iterator[None]:
    """Raise `LedgerError` for whatever Redis raises inside."""
    try:
        yield
    except exceptions.RedisError as error:
        raise LedgerError(sentence(error, where)) from error


def guarded(cls: type[T]) -> type[T]:
    """Class decorator: every public method raises `LedgerError` for what Redis raises inside it."""
    for name, member in list(vars(cls).items()):
        if not name.startswith("_") and callable(member) and not isinstance(member, type):
            setattr(cls, name, _guard(member))
    return cls


def _guard(method: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(method)
    def call(self: Any, *args: Any, **options: Any) -> Any:
        with translated(self.place):
            return method(self, *args, **options)

    return call
