"""How fast the farm is beside a bare loop, how busy its GPU room is, and where the rest goes."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from statistics import fmean
from time import perf_counter

from farm.profile.seconds import Kind, Session, Span
from tests.bench.interval import mean_interval, ratio_interval
from tests.bench.load import Load
from tests.bench.table import Row
from tests.bench.world import World, cpu_seconds, world
from workers.pipeline import ENVIRONMENT

COMMAND = "python -m tests.bench speed"
#: What the GPU room is for.
USEFUL = (Kind.ENCODE_PROMPT, Kind.DENOISE, Kind.DECODE, Kind.POST)


@dataclass(frozen=True, slots=True)
class Turn:
    """One job of the farm.

    Args:
        job: its id.
        work_s: from its first claim to its last commit.
        whole_s: from the submit to done.
        cpu: processor seconds by process, from the submit to done.
    """

    job: str
    work_s: float
    whole_s: float
    cpu: dict[str, float]


@dataclass(frozen=True, slots=True)
class Pair:
    """One turn of the farm and one of the bare loop."""

    farm: Turn
    bare_s: float
    bare_cpu: float


class Bare:
    """The bare loop in a process of its own, warm."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process
        self._answer()

    def turn(self) -> tuple[float, float]:
        """Render once; wall and processor seconds."""
        assert self._process.stdin is not None
        print(file=self._process.stdin, flush=True)
        found = self._answer()
        return found["seconds"], found["cpu"]

    def _answer(self) -> dict[str, float]:
        assert self._process.stdout is not None
        found: dict[str, float] = json.loads(self._process.stdout.readline())
        return found


@contextmanager
def bare_loop(load: Load, *, patient: bool) -> Iterator[Bare]:
    """The bare loop, loaded; ended afterwards. Its threads spin as by default, or, patient, as in a worker."""
    command = [sys.executable, "-m", "tests.bench.bare", json.dumps(asdict(load))]
    given = {name: ENVIRONMENT[name] for name in ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT")} if patient else {}
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=os.environ | given,
        text=True,
        start_new_session=True,  # as the farm's: the system shares a busy processor out between sessions
    ) as process:
        try:
            yield Bare(process)
        finally:
            process.kill()


def turn(place: World, load: Load, name: str) -> Turn:
    """One job of the farm, from submit to done."""
    processes = place.processes()
    before = {what: cpu_seconds(pids) for what, pids in processes.items()}
    began = perf_counter()
    job = place.submit(load.manifest(name))
    place.finish(job)
    whole_s = perf_counter() - began
    first, last = place.worked(job)
    cpu = {what: cpu_seconds(pids) - before[what] for what, pids in processes.items()}
    return Turn(job, last - first, whole_s, cpu)


def measure(load: Load, pairs: int, *, patient: bool = False) -> list[Row]:
    """Farm and bare loop in turn, the first of a pair changing; both warmed up by a turn that does not count."""
    found: list[Pair] = []
    with world() as place, bare_loop(load, patient=patient) as bare:
        turn(place, load, "warm-up")
        bare.turn()
        for number in range(pairs):
            if number % 2:
                farm, (bare_s, bare_cpu) = turn(place, load, f"turn-{number}"), bare.turn()
            else:
                bare_s, bare_cpu = bare.turn()
                farm = turn(place, load, f"turn-{number}")
            found.append(Pair(farm, bare_s, bare_cpu))
        sessions = [Session.from_json(place.store.get(key)) for key in place.store.list("workers/")]
    return [*speeds(load, found, patient=patient), *rooms(load, found, sessions), costs(load, found)]


def speeds(load: Load, pairs: Sequence[Pair], *, patient: bool) -> list[Row]:
    """The farm's images per second over the bare loop's."""
    work = ratio_interval([(pair.bare_s, pair.farm.work_s) for pair in pairs])
    whole = ratio_interval([(pair.bare_s, pair.farm.whole_s) for pair in pairs])
    bare, farm = fmean(pair.bare_s for pair in pairs), fmean(pair.farm.work_s for pair in pairs)
    rates = {"bare_images_per_s": load.images / bare, "farm_images_per_s": load.images / farm}
    return [
        Row(
            "images/s, farm over bare loop",
            str(work),
            COMMAND,
            goal=">= 0.93",
            met=work.middle >= 0.93,
            note=f"{load}; bare: diffusers, PIL, PNG to a local folder, {rates['bare_images_per_s']:.2f} images/s, "
            f"its OpenMP threads spin as {'in the worker' if patient else 'by default'}; "
            f"farm: PNG, S3, records, commits, from first claim to last commit on a warm worker, "
            f"{rates['farm_images_per_s']:.2f} images/s.",
            values=rates | asdict(work) | {"pairs": [asdict(pair) for pair in pairs]},
        ),
        Row(
            "the same, submit to done",
            str(whole),
            COMMAND,
            note="the farm's time also holds planning, the first dispatch, results.jsonl, tables and report.",
            values=asdict(whole),
        ),
    ]


def rooms(load: Load, pairs: Sequence[Pair], sessions: Sequence[Session]) -> list[Row]:
    """Busy fraction of the GPU room, by the worker's own ledger of seconds."""
    spans = [span for session in sessions for span in session.spans]
    shares = [shares_of(spans, pair.farm.job) for pair in pairs]
    busy = mean_interval([sum(share[kind] for kind in USEFUL) for share in shares])
    rest = {str(kind): fmean(share[kind] for share in shares) for kind in Kind if kind not in USEFUL}
    batch_s = fmean(sum(found.seconds for found in spans if found.job == pair.farm.job) for pair in pairs)
    batch_s *= load.batch / load.images
    told = ", ".join(f"{kind} {share:.2%}" for kind, share in rest.items() if share > 0)
    return [
        Row(
            "GPU room busy",
            str(busy),
            COMMAND,
            goal=">= 0.97",
            met=busy.middle >= 0.97,
            note=f"encode_prompt, denoise, decode and post over the time from the first to the last range of a job, "
            f"{batch_s:.2f} s per batch, {load.images // load.range} ranges; the rest: {told or 'nothing'}.",
            values=asdict(busy) | {"rest": rest, "batch_s": batch_s},
        )
    ]


def shares_of(spans: Sequence[Span], job: str) -> dict[Kind, float]:
    """Share of each kind in the time between the first and the last span that were for a job."""
    mine = [number for number, span in enumerate(spans) if span.job == job]
    inside = spans[mine[0] : mine[-1] + 1]
    wall = inside[-1].stop - inside[0].start
    return {kind: sum(span.seconds for span in inside if span.kind is kind) / wall for kind in Kind}


def costs(load: Load, pairs: Sequence[Pair]) -> Row:
    """Processor seconds per image, by process: where the farm's time goes on a processor that they all share."""
    bare = fmean(pair.bare_cpu for pair in pairs) / load.images
    farm: dict[str, float] = {
        what: fmean(pair.farm.cpu[what] for pair in pairs) / load.images for what in pairs[0].farm.cpu
    }
    told = ", ".join(f"{what} {1000 * seconds:.1f}" for what, seconds in farm.items())
    return Row(
        "processor ms per image",
        f"farm {1000 * sum(farm.values()):.1f}, bare {1000 * bare:.1f}",
        COMMAND,
        note=f"of the farm's: {told}.",
        values={"bare": bare} | farm,
    )
