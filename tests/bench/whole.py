"""A large job from its first range to its last table, through workers that draw nothing."""

import json
import os
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from typing import Any

from tests.bench.scale import MB, peak, product
from tests.bench.table import Row
from tests.bench.world import World, world

COMMAND = "python -m tests.bench whole"
#: Bytes of the coordinator, bytes of Redis, and seconds from the last commit to done: the goals.
MOST_COORDINATOR, MOST_REDIS, MOST_END_S = 200 * MB, 5 * MB, 60.0


@dataclass(frozen=True, slots=True)
class Found:
    """What a large job took.

    Args:
        images: how many it made.
        images_per_s: from the first range to the last commit.
        end_s: from the last commit to done: tables, results, report.
        coordinator_bytes: peak of resident memory.
        redis_bytes: what Redis used more than before, at its most.
    """

    images: int
    images_per_s: float
    end_s: float
    coordinator_bytes: int
    redis_bytes: int


def measure(images: int) -> list[Row]:
    """Submit, let workers write records as fast as they are let, wait until it is done."""
    with world(0) as place:
        manifest = product(images, "whole") | {"run": {"batch": 8, "range": 32, "step_policy": "warn"}}
        (coordinator,) = place.processes()["coordinator"]
        before, job = _used(place), place.submit(manifest)
        with subprocess.Popen(
            [sys.executable, "-m", "tests.bench.renderer", "--job", job],
            env=os.environ | {"FARM_HOME": str(place.home.path)},
            stdout=subprocess.PIPE,
            text=True,
        ) as renderer:
            most = _watch(place, renderer)
            assert renderer.stdout is not None
            stats: dict[str, Any] = json.loads(renderer.stdout.read())
        place.finish(job, patience=3600)
        end_s = place.ledger.now() - stats["last_at"]
        return [row(Found(images, stats["images_per_s"], end_s, peak(coordinator), most - before))]


def _used(place: World) -> int:
    return int(place.ledger.redis.info("memory")["used_memory"])


def _watch(place: World, renderer: "subprocess.Popen[str]") -> int:
    """Most bytes that Redis used until the renderer ended."""
    most = 0
    while renderer.poll() is None:
        most = max(most, _used(place))
        time.sleep(0.5)
    return most


def row(found: Found) -> Row:
    """The row of what was found."""
    return Row(
        f"{found.images:,} images, nothing drawn",
        f"done {found.end_s:.1f} s after the last commit, coordinator {found.coordinator_bytes / MB:.0f} MB, "
        f"Redis {found.redis_bytes / MB:+.2f} MB, {found.images_per_s:.0f} images/s",
        COMMAND,
        goal="< 60 s, < 200 MB, < 5 MB",
        met=found.end_s < MOST_END_S and found.coordinator_bytes < MOST_COORDINATOR and found.redis_bytes < MOST_REDIS,
        note="ranges of 32; records, sessions and commits are real, pictures are not; tables are rolled up meanwhile.",
        values=asdict(found),
    )
