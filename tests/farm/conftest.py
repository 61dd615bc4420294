"""A client's farm without workers: a real Redis, a store in memory, and a stand-in that renders."""

import hashlib
import json
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import redis
from pydantic import SecretStr

from farm.client.connection import Connection
from farm.client.farm import Farm
from farm.client.submit import Submitted, read_plan
from farm.ledger.ledger import Ledger
from farm.ledger.values import JobState, Lease
from farm.local.home import Home
from farm.local.redis import RedisServer
from farm.local.services import answers, start_first
from farm.plan.ranges import WorkRange
from farm.profile.outcome import Outcome
from farm.profile.record import BatchRecord, ErrorInfo, ImageRecord, Record, WorkerInfo
from farm.settings import Settings
from farm.store import keys
from farm.store.memory import MemoryStore

WORKER = WorkerInfo(id="w1", session="s1", host="box", device="cpu", gpu="Test CPU", vram_gb=None, price_per_hour=None)


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """One Redis server for all tests that need one; each takes a prefix of its own."""
    home = Home(tmp_path_factory.mktemp("redis"))
    home.create()
    server, process = start_first(lambda: RedisServer(home))
    yield server.settings()["redis_url"]
    process.stop(5)


@dataclass
class Stage:
    """A farm to talk to, and a stand-in for its coordinator and worker."""

    farm: Farm
    store: MemoryStore
    ledger: Ledger

    def submit(self, name: str = "mugs", **render: Any) -> Submitted:
        """Submit a job of the built-in model: two prompts, two seeds and one step count unless told otherwise."""
        return self.farm.submit({"name": name, "render": self.render_fields(**render)})

    def render_fields(self, **render: Any) -> dict[str, Any]:
        """The ``render`` part of that job."""
        usual = {"model": "builtin:shapes", "prompt": ["a red circle", "a blue star"], "seed": "1-2", "steps": 4}
        return usual | render

    def lease(self, job: str, size: int = 32, worker: str = "w1") -> Lease:
        """Dispatch and claim the next range of a job's first group."""
        self.ledger.ensure_epoch()
        rng = self.ledger.dispatch(job, 0, size)
        assert isinstance(rng, WorkRange)
        lease = self.ledger.claim(rng, worker=worker)
        assert isinstance(lease, Lease)
        return lease

    def render(self, job: str, size: int = 32) -> list[str]:
        """Render the next range: pictures, record, commit; the names of the pictures."""
        lease = self.lease(job, size)
        record = self.record(lease, Outcome.RENDERED)
        for image in record.images:
            self.store.put(keys.image(job, image.name), picture(image.position))
        self.write(record, lease)
        self.ledger.commit(lease, record.start, record.stop, seconds=2.0, price=None)
        return [image.name for image in record.images]

    def fail(self, job: str, size: int = 1, sentence: str = "The picture is black.") -> None:
        """Fail the next range on one worker until all of it is quarantined."""
        self.ledger.register("w1", {"gpu": "Test CPU"})
        lease = self.lease(job, size)
        self.write(self.record(lease, Outcome.FAILED), lease)
        span = (lease.range.start, lease.range.stop)
        assert self.ledger.fail(lease, failed=[span], worker="w1", error=sentence)

    def end(self, job: str, state: JobState) -> None:
        """End a job as a coordinator does."""
        self.store.put(keys.results(job), b'{"index":0}\n')
        self.store.put(keys.errors(job), b"")
        self.store.put(keys.finished(job), json.dumps({"state": state}).encode())
        self.ledger.finish(job, state, None)

    def write(self, record: Record, lease: Lease) -> None:
        """Put a record where it belongs."""
        self.store.put(keys.record(lease.range, lease.token, record.outcome), record.model_dump_json().encode())

    def record(self, lease: Lease, outcome: Outcome) -> Record:
        """The record of a whole range, half a second of GPU time per image."""
        start, stop = lease.range.start, lease.range.stop
        fine = outcome is Outcome.RENDERED
        return Record(
            job=lease.range.job_id,
            start=start,
            stop=stop,
            epoch=lease.token.epoch,
            counter=lease.token.counter,
            outcome=outcome,
            worker=WORKER,
            queued_at=lease.queued_at,
            claimed_at=lease.claimed_at,
            started_at=lease.claimed_at,
            finished_at=lease.claimed_at + (stop - start) / 2,
            load_s=0.0,
            busy_s=(stop - start) / 2,
            batches=[self._batch(lease)] if fine else [],
            images=[self._image(lease, position) for position in range(start, stop)] if fine else [],
            error=None if fine else ErrorInfo(kind="RenderError", message="The picture is black."),
        )

    def _batch(self, lease: Lease) -> BatchRecord:
        task = read_plan(self.store, lease.range.job_id).task(lease.range.start)
        seconds = len(lease.range) / 2
        return BatchRecord(
            start=lease.range.start,
            stop=lease.range.stop,
            batch_size=len(lease.range),
            dtype="float32",
            model=task.pipeline.model,
            revision=task.pipeline.revision,
            width=task.width,
            height=task.height,
            steps=task.steps,
            effective_steps=task.steps,
            denoiser_calls=task.steps,
            scheduler=task.scheduler,
            guidance_scale=task.guidance_scale,
            started_at=lease.claimed_at,
            encode_prompt_s=0.0,
            step_s=[seconds / task.steps] * task.steps,
            denoise_s=seconds,
            decode_s=0.0,
            post_s=0.0,
        )

    def _image(self, lease: Lease, position: int) -> ImageRecord:
        plan = read_plan(self.store, lease.range.job_id)
        task = plan.task(position)
        return ImageRecord(
            position=position,
            index=task.index,
            task_id=task.task_id,
            custom_id=None,
            name=plan.image_name(task),
            seed=task.seed,
            sha256=hashlib.sha256(picture(position)).hexdigest(),
            bytes=len(picture(position)),
            width=task.width,
            height=task.height,
            batch_position=position - lease.range.start,
            encode_s=0.0,
            upload_s=0.0,
        )


def picture(position: int) -> bytes:
    """A PNG that is another one at every position."""
    import io

    from PIL import Image

    out = io.BytesIO()
    Image.new("RGB", (64, 64), (position % 256, 90, 160)).save(out, "PNG")
    return out.getvalue()


@pytest.fixture
def stage(redis_url: str, tmp_path: Path) -> Iterator[Stage]:
    """A farm of the test's own."""
    client = redis.Redis.from_url(redis_url, decode_responses=True)
    store, ledger = MemoryStore(), Ledger(client, prefix=f"t{secrets.token_hex(4)}")
    connection = Connection(Settings.load(home=tmp_path / "home"))
    connection.__dict__.update(ledger=ledger, store=store)
    ledger.ensure_epoch()
    yield Stage(Farm(connection), store, ledger)
    client.close()


@pytest.fixture
def redis_settings(redis_url: str) -> Settings:
    """Settings that reach the server under a prefix of the test's own."""
    return Settings(redis_url=SecretStr(redis_url), prefix=f"t{secrets.token_hex(4)}")


@pytest.fixture
def ledger(redis_settings: Settings) -> Iterator[Ledger]:
    """A ledger of the test's own, in its first epoch."""
    found = Ledger.connect(redis_settings)
    found.ensure_epoch()
    yield found
    found.redis.close()


class OwnRedis:
    """A Redis server of the test's own, to be stopped, emptied and started again."""

    def __init__(self, folder: Path) -> None:
        home = Home(folder)
        home.create()
        self._server, self._process = start_first(lambda: RedisServer(home))

    @property
    def settings(self) -> Settings:
        """Settings that reach it."""
        return Settings.load(**self._server.settings())

    def stop(self) -> None:
        """Stop it; its append-only file stays."""
        self._process.stop(5)

    def start(self) -> None:
        """Start it again over the same file, on the same port."""
        self._process = self._server.start()
        assert answers(self._server, self._process)


@pytest.fixture
def own_redis(tmp_path: Path) -> Iterator[OwnRedis]:
    """A server that only this test uses."""
    server = OwnRedis(tmp_path / "own-redis")
    yield server
    server.stop()
