"""What this machine has: Python, libraries, room on its disk, the servers of a local farm, a device."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from farm.doctor.check import Check, failed
from farm.errors import UsageError
from farm.local.home import ADVICE, Home
from farm.local.needs import RENDERING, WORKER

#: Gigabytes below which a night's pictures may not fit.
_DISK = 2.0
#: Seconds torch may take to be imported and to find its device.
_PROBE = 120.0
#: The first Python that the farm runs on, and the last one that it is tested with.
_OLDEST, _TESTED = (3, 11), (3, 12)
SERVING = ("celery", "redis", "boto3", "pydantic", "polars")

#: Run by a Python of its own: this package never imports torch.
_DEVICE = """
import json, torch
if torch.cuda.is_available():
    found = torch.cuda.get_device_properties(0)
    print(json.dumps([f"cuda:0 {found.name}, {found.total_memory / 2**30:.0f} GB", torch.cuda.device_count()]))
else:
    print(json.dumps([f"cpu, {torch.get_num_threads()} threads", 1]))
"""


def python() -> Check:
    """Whether the farm was made for this Python."""
    text = ".".join(str(part) for part in sys.version_info[:3])
    if sys.version_info < _OLDEST:
        return Check("python", False, text, "Stepfarm needs Python 3.11 or later: make its environment with one.")
    newer = sys.version_info[:2] > _TESTED
    return Check("python", True, f"{text}, newer than any that all tests were run with" if newer else text)


def serving() -> Check:
    """The libraries that every process of the farm needs."""
    return _libraries("libraries", SERVING, "pip install stepfarm")


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


def disk(home: Path) -> Check:
    """Whether a farm can live where the home is, or will be, and a night's pictures fit there."""
    if obstacle := Home(home).obstacle():
        return failed("disk", UsageError(f"FARM_HOME {home} {obstacle}: {ADVICE}."))
    there = next(folder for folder in (home, *home.parents) if folder.exists())
    free = shutil.disk_usage(there).free / 1e9
    advice = f"Less than {_DISK:.0f} GB: make room, or set FARM_HOME to a folder on a bigger disk."
    return Check("disk", free >= _DISK, f"{free:.1f} GB free in {there}", advice if free < _DISK else "")


def models(folder: Path, budget_gb: float) -> Check:
    """Whether a worker can keep there what it fetches of the models that others submit.

    Args:
        folder: of the model cache, made or not.
        budget_gb: what the models in it may have.
    """
    there = next(each for each in (folder, *folder.parents) if each.exists())
    if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        advice = "Set FARM_MODEL_CACHE to a folder that a worker can write to."
        return Check("model cache", ok=False, detail=f"{folder} cannot be written to", advice=advice)
    free = shutil.disk_usage(there).free / 1e9
    return Check("model cache", ok=True, detail=f"up to {budget_gb:g} GB in {folder}, {free:.1f} GB free there")


def programs() -> Iterator[Check]:
    """The servers a local farm starts."""
    from farm.local import redis, s3

    server = redis.binary()
    detail = f"{server} {redis.version(server)}" if server else "no redis-server or valkey-server, 6.2 or later"
    yield Check("redis program", server is not None, detail, "" if server else redis.advice())
    rclone = s3.binary()
    yield Check("s3 program", rclone is not None, str(rclone or "no rclone"), "" if rclone else s3.advice())


def rendering(*, needed: bool) -> Check:
    """The libraries of a worker; without them a machine can submit to a farm elsewhere."""
    found = _libraries("rendering", RENDERING, WORKER)
    return found if found.ok or needed else Check("rendering", True, f"{found.detail}: this machine renders nothing")


def renders() -> bool:
    """Whether every library of a worker is here."""
    return all(_version(library) is not None for library in RENDERING)


def device() -> Check:
    """The device that torch sees, asked by another process."""
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
