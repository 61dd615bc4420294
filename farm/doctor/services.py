"""What the farm stands on: Redis and who is at work in it, and the store."""

import os
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from farm.doctor.check import Check, failed
from farm.doctor.probe import probe
from farm.errors import FarmError, LedgerError

if TYPE_CHECKING:
    from farm.ledger.ledger import Ledger
    from farm.ledger.values import WorkerStatus
    from farm.settings import Settings

#: Seconds by which clocks may differ: S3 refuses requests from 900 on, leases count in tens.
_SKEW = 30.0
#: Seconds that are no difference: a server's Date has whole seconds and was said a moment ago.
_TRUNCATED = 2.0

#: What else is asked of a Redis that answers.
Look = Callable[["Ledger"], Check]


def redis(settings: "Settings", *looks: Look) -> Iterator[Check]:
    """Whether Redis answers and keeps what it is given, then every look; the first failure ends it."""
    from farm.ledger.boundary import translated
    from farm.ledger.ledger import Ledger

    try:
        ledger = Ledger.connect(settings)
        with translated(ledger.place):
            info = ledger.redis.info()
        if refusal := ledger.refusal():
            raise LedgerError(refusal)
        yield _server(ledger.place, info)
        for look in looks:
            yield look(ledger)
    except FarmError as error:
        yield failed("redis", error)


def _server(place: str, info: Mapping[str, Any]) -> Check:
    policy, kept = info.get("maxmemory_policy", "unknown"), info.get("aof_enabled")
    saved = "append-only file on" if kept else "append-only file off: after a restart all is read again from the store"
    detail = f"{place}, version {info.get('redis_version')}, {policy}, {saved}"
    evicts = policy not in {"noeviction", "unknown"}
    advice = "It drops keys when memory is short: CONFIG SET maxmemory-policy noeviction." if evicts else ""
    return Check("redis", not evicts, detail, advice)


def redis_clock(ledger: "Ledger") -> Check:
    """How far the clock of Redis is from this machine's."""
    from farm.ledger.boundary import translated

    with translated(ledger.place):
        seconds, micros = ledger.redis.time()
    return clock("redis clock", seconds + micros / 1e6 - time.time())


def clock(name: str, ahead: float) -> Check:
    """How far a server's clock is from this machine's."""
    ok = abs(ahead) < _SKEW
    detail = (
        f"{abs(ahead):.0f} s {'ahead of' if ahead > 0 else 'behind'} this machine's"
        if abs(ahead) >= _TRUNCATED
        else "agrees"
    )
    return Check(name, ok, detail, "" if ok else "Set this machine's clock, or the server's: both should use NTP.")


def coordinator(ledger: "Ledger") -> Check:
    """Whether a coordinator is at work."""
    leader = ledger.leader()
    if leader is None:
        advice = "Nothing is dispatched without one: run `farm up`, or `farm coordinator`."
        return Check("coordinator", ok=False, detail="none is running", advice=advice)
    detail = f"{leader} {'has read' if ledger.discovered() else 'is reading'} the store"
    return Check("coordinator", ok=True, detail=detail)


def workers(ledger: "Ledger") -> Check:
    """Whether any worker is alive."""
    found = ledger.workers()
    advice = "Nothing is rendered without one: run `farm up`, or `farm worker` on a machine with a GPU."
    return Check("workers", bool(found), _named(found) or "none is live", "" if found else advice)


def own_worker(ledger: "Ledger") -> Check:
    """Whether a worker of this machine, or the one that FARM_WORKER_NAME names, is alive."""
    name, host = os.environ.get("FARM_WORKER_NAME"), socket.gethostname()
    found = [each for each in ledger.workers() if (each.id == name if name else each.host == host)]
    who = f"worker {name}" if name else f"worker of {host}"
    advice = "It has not been heard of for a while: see its log, or start it with `farm worker`."
    return Check("worker", bool(found), _named(found) or f"no {who} is live", "" if found else advice)


def _named(found: "list[WorkerStatus]") -> str:
    return ", ".join(
        f"{each.id} ({', '.join(filter(None, (each.gpu or each.device or 'starting', each.doing)))})" for each in found
    )


def store(settings: "Settings", *, clocks: bool = True) -> Iterator[Check]:
    """Whether the store takes, gives, lists and deletes objects, and what its clock says."""
    from farm.store.s3 import S3Store

    try:
        found = S3Store.from_settings(settings, hurried=True)
        check = probe(found, settings.s3_endpoint or "AWS S3")
        yield check
        ahead = found.ahead() if clocks and check.ok else None
        if ahead is not None:
            yield clock("store clock", ahead)
    except FarmError as error:
        yield failed("store", error)
