"""Which GPU each of several workers on this machine is given."""

import os
import re
import shutil
import subprocess

_THREADS = "OMP_NUM_THREADS"
_LINE = re.compile(r"UUID: (?P<uuid>(?P<kind>GPU|MIG)-[^)]+)\)")


def devices() -> list[str]:
    """The GPUs of this machine, or those that ``CUDA_VISIBLE_DEVICES`` leaves, as that variable names them."""
    chosen = os.environ.get("CUDA_VISIBLE_DEVICES")
    if chosen is not None:
        return [name.strip() for name in chosen.split(",") if name.strip()]
    program = shutil.which("nvidia-smi")
    if program is None:
        return []
    try:
        done = subprocess.run([program, "-L"], capture_output=True, text=True, timeout=30, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return []
    return named(done.stdout)


def named(listing: str) -> list[str]:
    """The devices in the output of ``nvidia-smi -L``: a GPU that is cut into instances is its instances."""
    found: list[str] = []
    for match in _LINE.finditer(listing):
        if match["kind"] == "MIG" and found and found[-1].startswith("GPU-"):
            found.pop()
        found.append(match["uuid"])
    return found


def threads(workers: int, names: list[str]) -> dict[str, str]:
    """The variables that share the processor among workers without GPUs: none where the user has said so already.

    Every worker takes all cores otherwise, and threads that wait for each other's cores slow all of them.
    """
    if names or workers < 2 or os.environ.get(_THREADS):  # noqa: PLR2004 one has nobody to share with
        return {}
    return {_THREADS: str(max(1, len(os.sched_getaffinity(0)) // workers))}


def share(number: int, names: list[str]) -> dict[str, str]:
    """The variables that give the worker of this number, from 0, its device; none where there is nothing to choose."""
    return {"CUDA_VISIBLE_DEVICES": names[number % len(names)]} if len(names) > 1 else {}
