"""Processes of a local farm that outlived it: found by the variable that each of them carries."""

import contextlib
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

from farm.local.home import SUPERVISED, Home


def carriers(home: Home) -> list[int]:
    """Process ids of this home's farm, without the calling process and its ancestors."""
    mark = b"\0" + os.fsencode(f"{SUPERVISED}={home.path}") + b"\0"
    mine = set(_lineage())
    numbers = (int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit())
    return sorted(pid for pid in numbers if pid not in mine and mark in b"\0" + _environment(pid) + b"\0")


def end_leftovers(home: Home, timeout: float = 10.0) -> int:
    """Kill every process that carries this home; how many there were."""
    found: set[int] = set()
    deadline = time.monotonic() + timeout
    while left := carriers(home):
        found.update(left)
        for pid in left:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        if time.monotonic() > deadline:
            break
        time.sleep(0.05)
    return len(found)


def clean(home: Home) -> int:
    """Remove what a supervisor that was killed left, files too; how many processes that was."""
    found = end_leftovers(home)
    home.settings_file.unlink(missing_ok=True)
    home.pid_file.unlink(missing_ok=True)
    return found


def _environment(pid: int) -> bytes:
    """What a process was started with; empty when it is somebody else's, a zombie or gone."""
    try:
        return Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:
        return b""


def _lineage() -> Iterator[int]:
    """This process, its parent, and so on."""
    pid = os.getpid()
    while pid > 0:
        yield pid
        try:
            after_name = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2]
        except OSError:
            return
        pid = int(after_name.split()[1])
