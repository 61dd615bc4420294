"""A farm for a measurement: real Redis, S3, coordinator and one worker in a folder that is gone afterwards."""

import os
import re
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from farm import Farm
from farm.errors import FarmError
from farm.ledger.ledger import Ledger
from farm.ledger.values import JobStatus
from farm.local.home import Home
from farm.local.launch import local_farm
from farm.local.leftovers import carriers
from farm.local.lock import Notice
from farm.settings import Settings

#: Seconds a farm has to do what it is asked.
PATIENCE = 600.0
_LINE = re.compile(r"^\[?(?P<at>\S+ [\d:,]+).*[:\]] (?P<what>Claimed|Committed) (?P<job>\S+)\[\d", re.MULTILINE)


@dataclass(frozen=True)
class World:
    """A running farm."""

    settings: Settings
    home: Home
    farm: Farm

    @property
    def ledger(self) -> Ledger:
        """Its ledger."""
        return self.farm.connection.ledger

    @property
    def store(self) -> Any:
        """Its store."""
        return self.farm.connection.store

    def submit(self, manifest: Mapping[str, Any]) -> str:
        """Submit a job; its id."""
        return self.farm.submit(manifest).job

    def finish(self, job: str, *, look: float = 0.1, patience: float = PATIENCE) -> None:
        """Wait until every picture of a job is there; raises `FarmError` when one is not."""
        status = self.end(job, look=look, patience=patience)
        if status.failed or status.done < status.images:
            raise FarmError(f"{job} has {status.done} of {status.images} images: {status.reason}")

    def end(self, job: str, *, look: float = 0.1, patience: float = PATIENCE) -> JobStatus:
        """Wait until a job is over, its results written; how it stands then.

        Args:
            job: which one.
            look: seconds between two looks, which cost Redis three commands each.
            patience: seconds after which it is given up.
        """
        deadline = time.monotonic() + patience
        while time.monotonic() < deadline:
            status = self.ledger.status(job)
            if status and status.state.over and job not in self.ledger.active():
                return status
            time.sleep(look)
        raise TimeoutError(f"{job} is not over after {patience:.0f} s")

    def worked(self, job: str) -> tuple[float, float]:
        """When the worker claimed the first range of a job and committed the last, POSIX seconds by its own log."""
        text = self.home.log("worker-1").read_text(encoding="utf-8", errors="replace")
        return span(text, job)

    def processes(self) -> dict[str, list[int]]:
        """Process ids by what they are: ``coordinator``, ``redis``, ``s3``, ``worker parent`` and ``worker child``."""
        notice = Notice.read(self.home)
        if notice is None:
            raise FarmError("The farm of the bench has ended.")
        found = {name: [pid] for name, pid in notice.children.items()}
        parent = found.pop("worker-1", [])
        tree = [pid for pid in carriers(self.home) if _name(pid) == "worker-1" and pid not in parent]
        return {**found, "worker parent": parent, "worker child": tree}


def span(log: str, job: str) -> tuple[float, float]:
    """First claim and last commit of a job in a worker's log, POSIX seconds; raises ValueError without them."""
    lines = [found for found in _LINE.finditer(log) if found["job"] == job]
    claims = [_instant(line["at"]) for line in lines if line["what"] == "Claimed"]
    commits = [_instant(line["at"]) for line in lines if line["what"] == "Committed"]
    return min(claims), max(commits)


def _instant(text: str) -> float:
    return datetime.strptime(text.rstrip(":"), "%Y-%m-%d %H:%M:%S,%f").timestamp()  # noqa: DTZ007 logs are in local time


def _name(pid: int) -> str:
    try:
        environment = Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:
        return ""
    found = re.search(rb"(?:^|\0)FARM_WORKER_NAME=([^\0]*)", environment)
    return found[1].decode() if found else ""


def cpu_seconds(pids: list[int]) -> float:
    """Processor seconds that processes have used so far."""
    total = 0
    for pid in pids:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        total += int(fields[11]) + int(fields[12])
    return total / os.sysconf("SC_CLK_TCK")


@contextmanager
def world(workers: int = 1, *, env: Mapping[str, str] | None = None) -> Iterator[World]:
    """A farm, up, with its worker ready; ended and removed afterwards."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        home = Path(folder) / "farm"
        with local_farm(home, workers, env=env) as settings, Farm.connect(settings) as farm:
            found = World(settings, Home(home.resolve()), farm)
            deadline = time.monotonic() + PATIENCE
            while sum(each.doing == "idle" and bool(each.device) for each in farm.workers()) < workers:
                if time.monotonic() > deadline:
                    raise TimeoutError("The worker of the bench does not start.")
                time.sleep(0.1)
            yield found
