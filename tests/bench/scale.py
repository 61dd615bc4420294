"""What the size of a job costs: memory of the coordinator, Redis and the submit, and the time to the first picture."""

import json
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

from farm.client.control import Verb
from farm.errors import FarmError
from tests.bench.interval import ratio_interval
from tests.bench.table import Row
from tests.bench.world import PATIENCE, World, world

COMMAND = "python -m tests.bench scale"
MB = 1e6
#: Pictures that are made to be quick: what is measured is the way to the first one.
QUICK = {"model": "builtin:shapes", "steps": 1, "size": "64x64"}
RUN = {"batch": 4, "range": 4, "step_policy": "warn"}
SMALL, LARGE = 10_000, 1_000_000
#: Bytes of Redis, of the coordinator, and seconds of a submit of a million lines: the goals.
MOST_REDIS, MOST_COORDINATOR, MOST_LINES_S = 5 * MB, 200 * MB, 60.0
#: Seconds that a large job is watched after its first picture.
WATCH = 2.0


@dataclass(frozen=True, slots=True)
class Found:
    """What one job took.

    Args:
        images: how many it asks for.
        submit_s: the whole ``farm submit``, its start included.
        submit_bytes: its peak of resident memory.
        first_s: from the start of the submit to the first picture that the ledger has.
        coordinator_bytes: peak of resident memory from the submit until `WATCH` seconds after the first picture.
        redis_bytes: what Redis uses more than before the submit, at its most.
    """

    images: int
    submit_s: float
    submit_bytes: int
    first_s: float
    coordinator_bytes: int
    redis_bytes: int


def product(images: int, name: str) -> dict[str, Any]:
    """Prompts times seeds: a hundred of the one, the rest of the other."""
    prompts = [f"a large red circle on a blue background, {number}" for number in range(100)]
    return {
        "name": name,
        "render": {**QUICK, "prompt": prompts, "seed": f"1-{images // len(prompts)}"},
        "run": RUN,
    }


def lines(images: int) -> Iterator[str]:
    """A line per picture, as a prompt file has them."""
    for number in range(images):
        yield json.dumps({"prompt": f"a large red circle on a blue background, {number}", "seed": number}) + "\n"


def peak(pid: int) -> int:
    """Peak of a process's resident memory, in bytes."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    return int(found[1]) * 1024 if found else 0


def forget_peak(pid: int) -> None:
    """Let the peak begin anew where the system allows it."""
    with suppress(OSError):
        Path(f"/proc/{pid}/clear_refs").write_text("5")


def run_job(place: World, arguments: Sequence[str], images: int) -> Found:
    """Submit a job with the command line, wait for its first picture, watch it for a moment, and cancel it."""
    (coordinator,) = place.processes()["coordinator"]
    forget_peak(coordinator)
    before, known, began = _used(place), set(place.ledger.job_ids()), time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "farm", "submit", *arguments],
        env=os.environ | {"FARM_HOME": str(place.home.path)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    ending = _Ending(process, began)
    job, first_s = _first(place, known, began, ending)
    most = max(_watched(place, before))
    ending.join()
    found = Found(images, ending.seconds, ending.peak, first_s, peak(coordinator), most)
    place.farm.tell(job, Verb.CANCEL)
    place.end(job)
    return found


class _Ending(threading.Thread):
    """Waits for a process: when it ended, and the peak of its memory in bytes."""

    def __init__(self, process: "subprocess.Popen[bytes]", began: float) -> None:
        super().__init__(daemon=True)
        self._process, self._began = process, began
        self.seconds, self.peak = 0.0, 0
        self.start()

    def run(self) -> None:
        """Wait."""
        _, status, usage = os.wait4(self._process.pid, 0)
        self.seconds, self.peak = time.perf_counter() - self._began, usage.ru_maxrss * 1024
        self._process.returncode = os.waitstatus_to_exitcode(status)

    @property
    def failed(self) -> bool:
        """Whether it ended badly."""
        return bool(self._process.returncode)


def _used(place: World) -> int:
    return int(place.ledger.redis.info("memory")["used_memory"])


def _first(place: World, known: AbstractSet[str], began: float, submit: _Ending) -> tuple[str, float]:
    """The job that is not among those known, and seconds from `began` to its first picture."""
    while time.perf_counter() - began < PATIENCE and not submit.failed:
        for job in set(place.ledger.active()) - known:
            status = place.ledger.status(job)
            if status and status.done:
                return job, time.perf_counter() - began
        time.sleep(0.02)
    raise FarmError("The job of the bench has no picture: it was refused, or the worker is gone.")


def _watched(place: World, before: int) -> Iterator[int]:
    deadline = time.perf_counter() + WATCH
    while time.perf_counter() < deadline:
        yield _used(place) - before
        time.sleep(0.1)


def measure(pairs: int) -> list[Row]:
    """A small and a large product in turn, then a file of a million lines; after a job that does not count."""
    with world() as place, tempfile.TemporaryDirectory() as folder:
        run_job(place, _write(Path(folder), product(1000, "warm-up")), 1000)
        found: dict[str, list[Found]] = {"small": [], "large": [], "lines": []}
        for number in range(pairs):
            for what, images in (("small", SMALL), ("large", LARGE))[:: -1 if number % 2 else 1]:
                found[what].append(run_job(place, _write(Path(folder), product(images, f"{what}-{number}")), images))
        path = Path(folder) / "prompts.jsonl"
        with path.open("w", encoding="utf-8") as file:
            file.writelines(lines(LARGE))
        settings = [f"render.{name}={value}" for name, value in QUICK.items()]
        settings += [f"run.{name}={value}" for name, value in RUN.items()]
        options = [word for setting in settings for word in ("--set", setting)]
        found["lines"].append(run_job(place, [str(path), *options], LARGE))
    return rows(found)


def _write(folder: Path, manifest: Mapping[str, Any]) -> list[str]:
    path = folder / f"{manifest['name']}.yaml"
    path.write_text(json.dumps(manifest), encoding="utf-8")
    return [str(path)]


def rows(found: Mapping[str, Sequence[Found]]) -> list[Row]:
    """A row per kind of job, and one for the difference that the size makes."""
    named = {"small": f"product of {SMALL:,}", "large": f"product of {LARGE:,}", "lines": f"JSONL of {LARGE:,} lines"}
    small, large = ([each.first_s for each in found[what]] for what in ("small", "large"))
    ratio = ratio_interval(list(zip(large, small, strict=True)))
    return [
        Row(
            "first picture, large over small",
            str(ratio),
            COMMAND,
            goal="no later",
            met=ratio.low <= 1,
            note=f"from the start of `farm submit` to the first commit, a range of {RUN['range']}, one step, warm; "
            f"medians {median(large):.2f} s and {median(small):.2f} s. Met where the interval holds 1.",
            values=asdict(ratio) | {"small_s": small, "large_s": large},
        ),
        *(row(named[what], found[what]) for what in named),
    ]


def row(name: str, found: Sequence[Found]) -> Row:
    """What jobs of one kind took: medians of seconds, most of memory."""
    submit_s, first_s = (median(getattr(each, what) for each in found) for what in ("submit_s", "first_s"))
    submit, coordinator, redis = (
        max(getattr(each, what) for each in found) for what in ("submit_bytes", "coordinator_bytes", "redis_bytes")
    )
    return Row(
        name,
        f"submit {submit_s:.1f} s {submit / MB:.0f} MB, first picture {first_s:.1f} s, "
        f"coordinator {coordinator / MB:.0f} MB, Redis {redis / MB:+.2f} MB",
        COMMAND,
        goal="submit < 60 s, coordinator < 200 MB, Redis < 5 MB",
        met=submit_s < MOST_LINES_S and coordinator < MOST_COORDINATOR and redis < MOST_REDIS,
        values={"runs": [asdict(each) for each in found]},
    )
