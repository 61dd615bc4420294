"""``make bench``: measure the farm and print a table."""

import argparse
import os
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from tests.bench.load import Load
from tests.bench.scale import measure as scale
from tests.bench.speed import measure as speed
from tests.bench.table import Row, show, write
from tests.bench.traffic import measure as traffic
from tests.bench.whole import measure as whole
from workers.device import processor_name

LOAD = Load()


def _speed(given: argparse.Namespace) -> list[Row]:
    load = replace(LOAD, seeds=given.seeds, steps=given.steps, size=given.size)
    return speed(load, given.pairs, patient=given.patient)


#: What can be measured: a name, and what measures it.
PARTS: dict[str, Callable[[argparse.Namespace], list[Row]]] = {
    "speed": _speed,
    "scale": lambda _given: scale(5),
    "traffic": lambda _given: traffic(replace(LOAD, seeds=16)),
    "whole": lambda given: whole(given.images),
}
#: What is measured when nothing is named: all but what takes long.
DEFAULT = ("speed", "scale", "traffic")


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure what is asked for, print it, write it."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"{', '.join(PARTS)}; by default all but the last")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the table there too")
    parser.add_argument("--pairs", type=int, default=7, help="pairs of farm and bare loop (default 7)")
    parser.add_argument("--seeds", type=int, default=LOAD.seeds, help="seeds for each of the 8 prompts")
    parser.add_argument("--steps", type=int, default=LOAD.steps)
    parser.add_argument("--size", type=int, default=LOAD.size, help="pixels on each side")
    parser.add_argument("--images", type=int, default=1_000_000, help="images of `whole`, which takes long")
    parser.add_argument(
        "--patient", action="store_true", help="the bare loop's threads spin as the worker's: for a busy machine"
    )
    given = parser.parse_args(arguments)
    if unknown := [part for part in given.parts if part not in PARTS]:
        parser.error(f"{unknown[0]} is none of {', '.join(PARTS)}")
    machine = f"{processor_name()}, {os.cpu_count()} processors, load average {os.getloadavg()[0]:.1f} at the start"
    rows: list[Row] = []
    began = time.monotonic()
    for part in given.parts or DEFAULT:
        print(f"Measuring {part} …", file=sys.stderr, flush=True)
        rows += PARTS[part](given)
    print(show(rows))
    print(f"\n{machine}; {time.monotonic() - began:.0f} seconds in all")
    if given.json:
        write(rows, given.json, machine=machine)
    return 0


if __name__ == "__main__":
    sys.exit(main())
