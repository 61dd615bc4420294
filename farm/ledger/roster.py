"""The workers of a farm: who is here, what each has loaded, and what each is told to serve."""

import json
from collections.abc import Mapping
from typing import Any

from farm.ledger.base import LedgerBase
from farm.ledger.boundary import guarded
from farm.ledger.values import WorkerStatus

#: Seconds without a heartbeat after which a worker gets no assignment any more: several beats may be missed.
ALIVE = 15.0
#: Seconds without a heartbeat after which a worker is forgotten.
FORGOTTEN = 3600.0
_UNFIT, _UNFIT_AT = "unfit:", "unfit_at:"


def _flat(fields: Mapping[str, Any]) -> dict[Any, str]:
    """Fields as Redis takes them: lists as JSON, None as an empty text."""
    flat: dict[Any, str] = {}
    for name, value in fields.items():
        if value is None:
            flat[name] = ""
        elif isinstance(value, str):
            flat[name] = value
        elif isinstance(value, list | tuple | set | frozenset):
            flat[name] = json.dumps(sorted(value))
        else:
            flat[name] = repr(value)
    return flat


@guarded
class Roster(LedgerBase):
    """Registers workers, carries their heartbeats, and holds their assignments."""

    def register(self, worker_id: str, info: Mapping[str, Any]) -> None:
        """Enter a worker that has just started; what was known of an earlier process of that name is dropped.

        Args:
            worker_id: the worker's name.
            info: `host`, `device`, `gpu`, `vram_gb`, `price_per_hour`, `session` and what else describes it.
        """
        now = self.now()
        key = self._key("worker", worker_id)
        pipe = self.redis.pipeline()
        pipe.delete(key, self._key("assign", worker_id))
        pipe.hset(key, mapping={"started_at": repr(now), "doing": "idle", **_flat(info)})
        pipe.zadd(self._key("workers"), {worker_id: now})
        pipe.execute()

    def beat(self, worker_id: str, info: Mapping[str, Any] | None = None) -> str | None:
        """A heartbeat, with the fields of `register` that changed; the queue the worker is to serve, or None."""
        now = self.now()
        key = self._key("worker", worker_id)
        pipe = self.redis.pipeline()
        pipe.hset(key, mapping={"seen_at": repr(now), **_flat(info or {})})
        pipe.hsetnx(key, "started_at", repr(now))
        pipe.zadd(self._key("workers"), {worker_id: now})
        pipe.get(self._key("assign", worker_id))
        return pipe.execute()[-1] or None

    def note(self, worker_id: str, **fields: Any) -> None:
        """Note what a worker does: `queue`, `loaded` (queues), `doing`, `job_id`, `step`, `steps`.

        A worker that is not on the roster, or has left it, is not entered by a note.
        """
        key = self._key("worker", worker_id)
        if fields and self.redis.exists(key):
            self.redis.hset(key, mapping=_flat(fields))

    def workers(self, *, within: float | None = ALIVE) -> list[WorkerStatus]:
        """Workers seen within so many seconds (None: all that are known), by name."""
        least = "-inf" if within is None else repr(self.now() - within)
        seen: Any = self.redis.zrangebyscore(self._key("workers"), least, "+inf", withscores=True)
        pipe = self.redis.pipeline(transaction=False)
        for worker_id, _ in seen:
            pipe.hgetall(self._key("worker", worker_id))
        found = zip(seen, pipe.execute(), strict=True)
        return sorted((_status(worker, at, fields) for (worker, at), fields in found), key=lambda each: each.id)

    def worker_info(self, worker_id: str) -> dict[str, str]:
        """Everything that is known of a worker, as text; empty when it is unknown."""
        found: Any = self.redis.hgetall(self._key("worker", worker_id))
        return dict(found)

    def assign(self, worker_id: str, queue: str | None) -> None:
        """Tell a worker which queue to serve; it reads it at its next heartbeat."""
        key = self._key("assign", worker_id)
        if queue is None:
            self.redis.delete(key)
        else:
            self.redis.set(key, queue)

    def assignments(self) -> dict[str, str]:
        """Worker -> queue it was told to serve, for all workers that are known."""
        names: Any = self.redis.zrange(self._key("workers"), 0, -1)
        found: Any = self.redis.mget([self._key("assign", name) for name in names]) if names else []
        return {name: queue for name, queue in zip(names, found, strict=True) if queue}

    def unfit(self, worker_id: str, queue: str, sentence: str) -> None:
        """Note that a worker cannot load a queue's pipeline, and why: no job of before now is tried there again."""
        marks: dict[Any, str] = {f"{_UNFIT}{queue}": sentence, f"{_UNFIT_AT}{queue}": repr(self.now())}
        self.redis.hset(self._key("worker", worker_id), mapping=marks)

    def clear_unfit(self, queue: str) -> None:
        """Let every worker try a queue's pipeline again."""
        names: Any = self.redis.zrange(self._key("workers"), 0, -1)
        for name in names:
            self.redis.hdel(self._key("worker", name), f"{_UNFIT}{queue}", f"{_UNFIT_AT}{queue}")

    def cap(self, shape: str) -> int | None:
        """Most images of a shape that fit into memory, or None: ``<queue>:<width>x<height>:<gpu>``."""
        found: Any = self.redis.hget(self._key("caps"), shape)
        return int(found) if found else None

    def set_cap(self, shape: str, images: int) -> None:
        """Remember that so many images of a shape are the most to try; a smaller number that is known stays."""
        known = self.cap(shape)
        if known is None or images < known:
            self.redis.hset(self._key("caps"), shape, images)

    def drain(self, worker_id: str) -> None:
        """Ask a worker to finish its batch, give the rest back and take nothing new."""
        pipe = self.redis.pipeline()
        pipe.hset(self._key("worker", worker_id), "draining", "1")
        pipe.delete(self._key("assign", worker_id))
        pipe.execute()

    def leave(self, worker_id: str) -> None:
        """Take a worker off the roster."""
        pipe = self.redis.pipeline()
        pipe.zrem(self._key("workers"), worker_id)
        pipe.delete(*(self._key(part, worker_id) for part in ("worker", "assign", "deaths")))
        pipe.execute()

    def forget_workers(self, *, older: float = FORGOTTEN) -> None:
        """Take workers off the roster that nobody has seen for so many seconds."""
        names: Any = self.redis.zrangebyscore(self._key("workers"), "-inf", repr(self.now() - older))
        for name in names:
            self.leave(name)


def _number(text: str | None) -> float | None:
    return float(text) if text else None


def _status(worker_id: str, seen_at: float, fields: Mapping[str, str]) -> WorkerStatus:
    """A worker's hash as a value; what it never told is empty."""
    draining = fields.get("draining") == "1"
    return WorkerStatus(
        id=worker_id,
        host=fields.get("host", ""),
        device=fields.get("device", ""),
        gpu=fields.get("gpu", ""),
        vram_gb=_number(fields.get("vram_gb")),
        price_per_hour=_number(fields.get("price_per_hour")),
        queue=fields.get("queue") or None,
        loaded=tuple(json.loads(fields.get("loaded") or "[]")),
        doing="draining" if draining else fields.get("doing", "idle"),
        job_id=fields.get("job_id") or None,
        step=int(float(fields.get("step") or 0)),
        steps=int(float(fields.get("steps") or 0)),
        images_done=int(fields.get("images_done") or 0),
        started_at=_number(fields.get("started_at")) or seen_at,
        seen_at=seen_at,
        unfit={name.removeprefix(_UNFIT): why for name, why in fields.items() if name.startswith(_UNFIT)},
        unfit_at={name.removeprefix(_UNFIT_AT): float(at) for name, at in fields.items() if name.startswith(_UNFIT_AT)},
    )
