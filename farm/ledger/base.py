"""What every part of the ledger stands on: the connection, the keys, the scripts, the clock and the epoch."""

import secrets
from collections.abc import Iterable
from importlib.resources import files
from typing import Any, cast

import redis

from farm.ledger.boundary import guarded, place, sentence

#: Keys of answers are read as text; the one bitmap is asked for as bytes.
NEEDS_TEXT = "The ledger needs a Redis client that decodes answers: redis.Redis(…, decode_responses=True)."

SCRIPTS = (
    "block", "claim", "commit", "control", "dispatch", "epoch", "fail", "finish", "give_back",
    "lead", "number", "open", "renew", "restore", "retry", "sweep", "take_back",
)  # fmt: skip


@guarded
class LedgerBase:
    """The connection, keys, scripts, clock and epoch of a ledger; safe to use from several threads.

    Args:
        client: a Redis client that decodes answers.
        prefix: root of every key, so that two farms can share a server.
        lease: seconds a lease holds after a renewal.
    """

    def __init__(self, client: "redis.Redis", *, prefix: str = "farm", lease: float = 30.0) -> None:
        if not client.connection_pool.connection_kwargs.get("decode_responses"):
            raise ValueError(NEEDS_TEXT)
        self.redis, self.prefix, self.lease = client, prefix, lease
        self.place = place(client)
        folder = files("farm.ledger")
        common = (folder / "common.lua").read_text()
        self._scripts = {
            name: client.register_script(common + (folder / f"{name}.lua").read_text()) for name in SCRIPTS
        }

    def _key(self, *parts: str) -> str:
        return ":".join((self.prefix, *parts))

    def _job(self, job_id: str, *parts: str) -> str:
        return self._key("job", job_id, *parts)

    def _run(self, script: str, key: str, *arguments: "str | float | bytes") -> Any:
        return self._scripts[script](keys=[key], args=[f"{self.prefix}:", *arguments])

    def now(self) -> float:
        """POSIX seconds of the Redis clock, moved by the offset that only tests set."""
        pipe = self.redis.pipeline(transaction=False)
        pipe.time()
        pipe.get(self._key("offset"))
        (seconds, micros), offset = pipe.execute()
        return float(seconds) + float(micros) / 1e6 + float(offset or 0)

    def shift_clock(self, seconds: float) -> None:
        """Move the ledger's clock forward, for tests."""
        self.redis.incrbyfloat(self._key("offset"), seconds)

    def epoch(self) -> str:
        """The epoch, or an empty text while there is none."""
        return cast("str | None", self.redis.get(self._key("epoch"))) or ""

    def ensure_epoch(self) -> tuple[str, bool]:
        """The epoch, and whether this call began it: there was none, or Redis is another run than before.

        Until a coordinator has called this once, every claim is answered `Refusal.UNKNOWN`.
        """
        epoch, new = self._run("epoch", self._key("epoch"), secrets.token_hex(2), self.lease)
        return str(epoch), bool(new)

    def discovered(self) -> bool:
        """Whether the jobs of the store were opened in this epoch."""
        epoch = self.epoch()
        return bool(epoch) and self.redis.get(self._key("discovered")) == epoch

    def set_discovered(self, epoch: str) -> None:
        """Note that the jobs of the store are open in this epoch."""
        self.redis.set(self._key("discovered"), epoch)

    def lead(self, name: str, ttl: float) -> bool:
        """Take or keep the leader's lock for `ttl` seconds; False while somebody else holds it."""
        return bool(self._run("lead", self._key("leader"), name, ttl))

    def leader(self) -> str | None:
        """Who holds the leader's lock; None when no coordinator is at work."""
        found: Any = self.redis.get(self._key("leader"))
        return cast("str | None", found)

    def resign(self, name: str) -> None:
        """Give the leader's lock up, if it is ours."""
        self._run("lead", self._key("leader"), name, "")

    def ping(self) -> None:
        """Raise `LedgerError` unless Redis answers."""
        self.redis.ping()

    def refusal(self) -> str | None:
        """Why Redis takes nothing now, as a sentence: its disk or memory is full, or it is a replica; else None."""
        try:
            self.redis.set(self._key("probe"), "", px=1000)
        except redis.RedisError as error:
            return sentence(error, self.place)
        return None

    def queue_lengths(self, queues: Iterable[str]) -> dict[str, int]:
        """Messages that wait in the broker, by queue."""
        names = list(queues)
        pipe = self.redis.pipeline(transaction=False)
        for name in names:
            pipe.llen(self._key("b", name))
        return dict(zip(names, pipe.execute(), strict=True))

    def drop_messages(self, queue: str) -> None:
        """Forget the messages of a queue that nobody serves; the ledger has their ranges."""
        self.redis.delete(self._key("b", queue))
