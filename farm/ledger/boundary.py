"""Redis errors become sentences here, and nowhere else."""

import functools
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar
from urllib.parse import urlsplit

import redis
from redis import exceptions

from farm.errors import LedgerError

T = TypeVar("T")


#: The first version that the farm is tried with.
OLDEST = [6, 2]

_WANTED = "wants a password: set FARM_REDIS_URL to redis://:PASSWORD@HOST:PORT."
_REFUSED = "refuses the user or the password: check FARM_REDIS_URL (redis://USER:PASSWORD@HOST:PORT, or no USER)."
_ACL = "forbids this user a command the ledger needs: check the user's ACL."
_REPLICA = "is a read-only replica: point FARM_REDIS_URL at the primary."
_MEMORY = "is out of memory: raise its maxmemory, and keep the policy noeviction."
_DISK = "cannot save what it is told, {why}: make room on its disk; the farm goes on by itself."
_SILENT = (
    "does not answer as a Redis does: check that one listens there, and FARM_REDIS_URL (rediss:// where it speaks TLS)."
)
_LATE = (
    "did not answer in time: check the network, the server's load, and FARM_REDIS_URL (rediss:// only where it speaks"
    " TLS)."
)
_OLD = "is too old: the farm needs Redis 6.2 or later."
_CLUSTER = "is part of a Cluster, which the farm's queues cannot use: point FARM_REDIS_URL at a Redis of its own."

#: What Redis may answer: the kind of error, a word of its text, and what to check. The first that fits is said; words
#: are there for errors inside a script, which come without their kind.
_SENTENCES: tuple[tuple[type[Exception], str, str], ...] = (
    (exceptions.RedisError, "WRONGPASS", _REFUSED),
    (exceptions.RedisError, "NOAUTH", _WANTED),
    (exceptions.AuthenticationError, "HELLO must be called with the client already authenticated", _WANTED),
    (exceptions.AuthenticationError, "Authentication required", _WANTED),
    (exceptions.AuthenticationError, "", _REFUSED),
    (exceptions.RedisError, "NOPERM", _ACL),
    (exceptions.NoPermissionError, "", _ACL),
    (exceptions.RedisError, "READONLY", _REPLICA),
    (exceptions.ReadOnlyError, "", _REPLICA),
    (exceptions.RedisError, "OOM ", _MEMORY),
    (exceptions.OutOfMemoryError, "", _MEMORY),
    (exceptions.RedisError, "MISCONF", _DISK),
    (exceptions.BusyLoadingError, "", "is still loading its data: try again in a moment."),
    (exceptions.RedisError, "LOADING", "is still loading its data: try again in a moment."),
    (exceptions.ClusterError, "", _CLUSTER),
    (exceptions.RedisError, "unknown command `HELLO`", _OLD),
    (exceptions.RedisError, "DB index", "has no database of that number: check the end of FARM_REDIS_URL."),
    (exceptions.TimeoutError, "", _LATE),
    (exceptions.ConnectionError, "CERTIFICATE_VERIFY", "has a certificate that this machine does not trust: {why}."),
    (exceptions.ConnectionError, "SSL", "does not speak TLS as rediss:// asks: check FARM_REDIS_URL."),
    (exceptions.ConnectionError, "closed by server", _SILENT),
    (exceptions.InvalidResponse, "", _SILENT),
    (exceptions.ConnectionError, "", "cannot be reached: check that it runs, and FARM_REDIS_URL."),
)


def sentence(error: Exception, place: str) -> str:
    """What is wrong with Redis at ``host:port``, and what to check; never holds a password."""
    text = str(error)
    fitting = (advice for kind, word, advice in _SENTENCES if isinstance(error, kind) and word in text)
    found = next(fitting, f"answered with an error: {text.rstrip('.')}.")
    return f"Redis at {place} {found.replace('{why}', _why(text))}"


def _why(text: str) -> str:
    """What the system said, behind the last colon: ``No space left on device``."""
    return text.rpartition(": ")[2].strip().rstrip(".") or "for a reason it does not say"


def welcome(info: Mapping[str, Any], place: str) -> None:
    """Raise `LedgerError` unless the server that answered can be a farm's.

    Args:
        info: what it says of itself, the section ``server``.
        place: its ``host:port``.
    """
    mode, version = info.get("redis_mode", "standalone"), str(info.get("redis_version", ""))
    if mode == "cluster":
        raise LedgerError(f"Redis at {place} {_CLUSTER}")
    if mode == "sentinel":
        raise LedgerError(f"Redis at {place} is a Sentinel: point FARM_REDIS_URL at the Redis that it watches.")
    numbers = [int(part) for part in version.split(".")[:2] if part.isdigit()]
    if numbers and numbers < OLDEST:
        raise LedgerError(f"Redis at {place} is version {version}, which {_OLD}")


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
