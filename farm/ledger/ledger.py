"""The ledger of work: every Redis key and script of the farm, nowhere else."""

from contextlib import closing
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from farm.errors import LedgerError
from farm.ledger.boundary import place_of_url, translated, welcome
from farm.ledger.jobs import Jobs
from farm.ledger.leases import Leases
from farm.ledger.roster import Roster
from farm.ledger.steering import Steering
from farm.settings import Settings

#: Seconds a Redis has to say who it is, and to answer later.
_FIRST_WORD, _ANSWER = 10.0, 30.0


class Ledger(Leases, Jobs, Steering, Roster):
    """One bit per image, the few ranges that are outstanding, the jobs and the workers: all of it in Redis.

    Redis is a cache of what the store holds: whatever is lost here is read again from there. Every method raises
    `LedgerError` with a sentence when Redis cannot be reached or refuses us. Safe to use from several threads; a
    process that was forked makes its own.
    """

    @classmethod
    def connect(cls, settings: Settings, *, name: str = "client") -> "Ledger":
        """The ledger that the settings name; raises `ServiceError` unless a Redis of the right kind answers.

        One that has no room left answers too: what it knows can still be read.

        Args:
            settings: say where Redis is.
            name: who asks, as ``CLIENT LIST`` shows it behind ``stepfarm-``.
        """
        url = settings.require_redis_url()
        with translated(place_of_url(url)):
            # Its first word is waited for less long than a large answer may take.
            with closing(_client(url, name, timeout=_FIRST_WORD, retry=Retry(NoBackoff(), 0))) as first:
                info: Any = first.info("server")
            welcome(info, place_of_url(url))
            return cls(_client(url, name, timeout=_ANSWER), prefix=settings.prefix, lease=settings.lease)


def _client(url: str, name: str, *, timeout: float, **options: Any) -> "redis.Redis":
    """A client that gives up a half-open socket after so many seconds."""
    if not url.startswith("unix://"):
        options["socket_keepalive"] = True
    try:
        return redis.Redis.from_url(
            url,
            decode_responses=True,
            client_name=f"stepfarm-{name}",
            socket_connect_timeout=5,
            socket_timeout=timeout,
            **options,
        )
    except ValueError as error:
        raise LedgerError(f"FARM_REDIS_URL is no Redis address ({place_of_url(url)}): {error}") from None
