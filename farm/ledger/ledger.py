"""The ledger of work: every Redis key and script of the farm, nowhere else."""

import redis

from farm.errors import LedgerError
from farm.ledger.boundary import place_of_url, translated
from farm.ledger.jobs import Jobs
from farm.ledger.leases import Leases
from farm.ledger.roster import Roster
from farm.ledger.steering import Steering
from farm.settings import Settings


class Ledger(Leases, Jobs, Steering, Roster):
    """One bit per image, the few ranges that are outstanding, the jobs and the workers: all of it in Redis.

    Redis is a cache of what the store holds: whatever is lost here is read again from there. Every method raises
    `LedgerError` with a sentence when Redis cannot be reached or refuses us. Safe to use from several threads; a
    process that was forked makes its own.
    """

    @classmethod
    def connect(cls, settings: Settings, *, name: str = "client") -> "Ledger":
        """The ledger that the settings name; raises `ServiceError` unless Redis answers.

        Args:
            settings: say where Redis is.
            name: who asks, as ``CLIENT LIST`` shows it behind ``stepfarm-``.
        """
        url = settings.require_redis_url()
        try:
            client = redis.Redis.from_url(
                url,
                decode_responses=True,
                client_name=f"stepfarm-{name}",
                socket_connect_timeout=5,
                socket_timeout=30,  # a half-open socket would hang for ever
                socket_keepalive=True,
                health_check_interval=10,
            )
        except ValueError as error:
            raise LedgerError(f"FARM_REDIS_URL is no Redis address ({place_of_url(url)}): {error}") from None
        with translated(place_of_url(url)):
            client.ping()
        return cls(client, prefix=settings.prefix, lease=settings.lease)
