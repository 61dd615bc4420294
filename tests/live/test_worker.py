"""A worker as a whole: real processes, killed and stopped as they are in the field."""

import io
import json
import os
import shutil
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from farm import Farm, JobState
from farm.client.submit import submit
from farm.profile.outcome import Outcome
from farm.profile.record import Record
from farm.profile.seconds import Kind, Session, Span, seconds_by_kind
from farm.store import keys

Eventually = Callable[..., None]
#: Seconds that a job may take on a machine that is busy with other things.
PATIENCE = 150


def manifest(name: str, *, images: int = 24, steps: int = 4, size: int = 8) -> dict[str, Any]:
    """A job of one prompt on the built-in model."""
    return {
        "name": name,
        "render": {
            "model": "builtin:shapes",
            "prompt": "a large red circle on a blue background",
            "seed": f"1-{images}",
            "steps": steps,
        },
        "run": {"range": size},
    }


class Observed:
    """A running farm, its client, and what its workers left in the store."""

    def __init__(self, running: Any) -> None:
        self.running = running
        self.client = Farm.connect(running.settings)
        self.store = running.store
        self.ledger = running.ledger

    def submit(self, job: dict[str, Any]) -> str:
        """Submit a job; its id."""
        return self.client.submit(job).job

    def finish(self, job: str) -> None:
        """Wait until a job is done; a failure shows what the farm wrote."""
        status = self.client.wait(job, timeout=PATIENCE)
        assert status.state is JobState.DONE, f"{status}\n{self.running.log()}"

    def doing(self, worker: str = "worker-1") -> str:
        """What a worker does now; an empty text while it is unknown."""
        return next((each.doing for each in self.ledger.workers() if each.id == worker), "")

    def records(self, job: str) -> list[Record]:
        """Every record of a job."""
        return [Record.model_validate_json(self.store.get(key)) for key in self.store.list(keys.records(job))]

    def sessions(self) -> list[Session]:
        """Every session part of every worker."""
        return [Session.from_json(self.store.get(key)) for key in self.store.list("workers/")]

    def spans(self, job: str) -> list[Span]:
        """What the GPU threads did for a job."""
        return [span for session in self.sessions() for span in session.spans if span.job == job]

    def child(self) -> int:
        """Process id of the worker's child: the one that owns the GPU."""
        tree: list[int] = self.running.tree("worker-1")
        return next(pid for pid in tree if "libtorch" in maps(pid))


def maps(pid: int) -> str:
    """The files that a process has in memory; nothing when it has ended."""
    with suppress(OSError):
        return Path(f"/proc/{pid}/maps").read_text()
    return ""


def rendered(records: list[Record]) -> Counter[int]:
    """How often each position was rendered."""
    good = [record for record in records if record.outcome is Outcome.RENDERED]
    return Counter(position for record in good for position in range(record.start, record.stop))


def outcomes(records: list[Record]) -> set[Outcome]:
    """How the attempts ended."""
    return {record.outcome for record in records}


@pytest.fixture
def farm_now(lasting_farm: Any, eventually: Eventually) -> Iterator[Observed]:
    """The module's farm, its worker ready."""
    observed = Observed(lasting_farm)
    eventually(lambda: observed.doing() == "idle", "a worker", timeout=60)
    yield observed
    observed.client.connection.close()


def test_a_job_is_rendered_and_every_second_is_accounted_for(farm_now: Observed) -> None:
    """Pictures, records and the worker's session are in the store, and agree."""
    job = farm_now.submit(manifest("whole"))
    farm_now.finish(job)
    found = farm_now.records(job)
    assert rendered(found) == Counter(range(24))
    assert all(record.busy_s > 0 and record.worker.price_per_hour == 3.6 for record in found)
    assert len(list(farm_now.store.list(keys.images(job)))) == 24
    for session in farm_now.sessions():
        assert abs(session.residual_s) <= 0.01 * session.wall_s
        assert all(earlier.stop == later.start for earlier, later in pairwise(session.spans))
    seconds = seconds_by_kind(farm_now.spans(job))
    assert seconds[Kind.LOAD] > 0
    assert seconds[Kind.DENOISE] > seconds[Kind.POST]
    assert sum(record.busy_s for record in found) == pytest.approx(sum(seconds.values()), rel=0.05)


def test_a_picture_tells_how_it_was_made(farm_now: Observed) -> None:
    """The file holds its task, as others read it and as we do."""
    from PIL import Image

    job = farm_now.submit(manifest("told", images=1))
    farm_now.finish(job)
    (key,) = farm_now.store.list(keys.images(job))
    image = Image.open(io.BytesIO(farm_now.store.get(key)))
    assert image.info["parameters"].startswith("a large red circle on a blue background\nSteps: 4, Sampler: DPM++ 2M, ")
    assert json.loads(image.info["stepfarm"])["job"] == job


def test_the_parent_never_loads_torch(farm_now: Observed) -> None:
    """Only the child pays for the libraries; the parent is small and quick."""
    farm_now.finish(farm_now.submit(manifest("light", images=2)))
    assert "libtorch" not in maps(farm_now.running.pid("worker-1"))
    assert farm_now.child() != farm_now.running.pid("worker-1")


def test_cancelling_stops_within_a_step(farm_now: Observed, eventually: Eventually) -> None:
    """The worker is idle soon after, though the batch would have gone on for long."""
    job = farm_now.submit(manifest("cancelled", images=16, steps=150, size=16))
    eventually(lambda: farm_now.doing() == "rendering", "rendering", timeout=60)
    farm_now.client.cancel(job)
    eventually(lambda: farm_now.doing() == "idle", "idle", timeout=15)
    eventually(lambda: Outcome.CANCELLED in outcomes(farm_now.records(job)), "a record of it")
    assert not [batch for record in farm_now.records(job) for batch in record.batches]


def test_a_model_that_cannot_be_loaded_fails_the_job_once(farm_now: Observed, tmp_path: Path) -> None:
    """The model was there when the job was planned: one sentence names it, not one per image."""
    shipped = Path(__file__).parents[2] / "workers" / "models" / "shapes"
    folder = tmp_path / "model"
    shutil.copytree(shipped, folder)
    job = manifest("broken", images=8)
    job["render"]["model"] = str(folder)
    plan = farm_now.client.plan(job)
    shutil.rmtree(folder)
    made = submit(plan, [b"{}"], store=farm_now.store, ledger=farm_now.ledger).job
    status = farm_now.client.wait(made, timeout=PATIENCE)
    assert status.state is JobState.FAILED
    assert f"{folder} is not on this worker" in (status.reason or "")
    assert Outcome.FAILED not in outcomes(farm_now.records(made))


def test_a_store_that_is_away_for_a_moment_fails_nothing(farm_now: Observed, eventually: Eventually) -> None:
    """Uploads are tried again while the lease lives."""
    job = farm_now.submit(manifest("away", images=32, steps=8))
    eventually(lambda: farm_now.client.status(job).images.done > 0, "the first pictures", timeout=60)
    farm_now.running.kill("s3", signal.SIGKILL)
    eventually(lambda: farm_now.ledger.status(job).state is JobState.DONE, "done", timeout=PATIENCE)
    assert outcomes(farm_now.records(job)) == {Outcome.RENDERED}


def test_a_killed_child_is_replaced_by_its_parent(farm_now: Observed, eventually: Eventually) -> None:
    """A segmentation fault or the system's memory killer ends the child alone: the parent starts another."""
    job = farm_now.submit(manifest("crashed", images=16, steps=40))
    eventually(lambda: farm_now.doing() == "rendering", "rendering", timeout=60)
    parent = farm_now.running.pid("worker-1")
    os.kill(farm_now.child(), signal.SIGKILL)
    farm_now.finish(job)
    assert farm_now.running.pid("worker-1") == parent
    assert set(rendered(farm_now.records(job))) == set(range(16))


def test_killing_the_whole_tree_loses_no_image(farm_now: Observed, eventually: Eventually) -> None:
    """SIGKILL in the middle of a range: it is rendered again, and every image is committed once."""
    job = farm_now.submit(manifest("killed", images=32, steps=40, size=16))
    eventually(lambda: farm_now.doing() == "rendering", "rendering", timeout=60)
    assert len(farm_now.running.kill("worker-1", signal.SIGKILL)) >= 2
    farm_now.finish(job)
    found = farm_now.records(job)
    assert farm_now.client.status(job).images.done == 32
    assert set(rendered(found)) == set(range(32))
    assert Outcome.LOST in outcomes(found)


def test_sigterm_drains(farm_now: Observed, eventually: Eventually) -> None:
    """The batch in hand is committed and the rest goes back at once, without a strike; nothing is rendered twice."""
    job = farm_now.submit(manifest("drained", images=32, steps=60, size=32))
    eventually(lambda: farm_now.doing() == "rendering", "rendering", timeout=60)
    os.kill(farm_now.running.pid("worker-1"), signal.SIGTERM)
    farm_now.finish(job)
    found = farm_now.records(job)
    assert outcomes(found) <= {Outcome.RENDERED, Outcome.RETURNED}
    assert rendered(found) == Counter(range(32))
    assert len({record.worker.session for record in found}) == 2


def test_a_worker_that_still_starts_ends_at_once(farm_now: Observed, eventually: Eventually) -> None:
    """Its child imports for many seconds yet: nothing is held, so nobody waits for it."""
    process = farm_now.running.add_worker("worker-late")
    eventually(lambda: len(farm_now.running.tree("worker-late")) > 1, "a child", timeout=60)
    asked_at = time.monotonic()
    process.terminate()
    assert process.wait(30), farm_now.running.log("worker-late")
    assert time.monotonic() - asked_at < 15  # on a machine with other things to do, where the import takes longer still
    eventually(lambda: farm_now.running.tree("worker-late") == [], "nothing is left of it", timeout=5)
