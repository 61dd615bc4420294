"""The ground gives way under a farm: no room on the disk, no right to write; nothing is lost, nobody is blamed."""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from farm.client import Farm
from farm.client.status import Status
from farm.doctor.probe import probe
from farm.ledger.values import JobState
from farm.local.home import Home
from farm.local.launch import local_farm
from farm.local.s3 import S3Server
from farm.local.services import start_first
from farm.settings import Settings
from farm.store import keys
from farm.store.s3 import S3Store
from tests.live.gate import VERBS, Gate, gate_before

Eventually = Callable[..., None]
ROOT = Path(__file__).parents[2]
#: Seconds a lease holds without a renewal: what waits longer than this would be somebody else's.
LEASE = 6.0


@dataclass(frozen=True)
class Ground:
    """A farm whose Redis and store lie on one small disk, with a gate before the store."""

    settings: Settings
    gate: Gate
    #: Where the small disk is mounted; None where this machine lets nobody mount one.
    disk: Path | None


@contextmanager
def small_disk(folder: Path) -> Iterator[Path | None]:
    """A disk of 64 MB over a folder; None where it cannot be mounted."""
    mount = shutil.which("mount") or ""
    command = [mount, "-t", "tmpfs", "-o", "size=64m", "tmpfs", str(folder)]
    if not mount or os.geteuid() != 0 or subprocess.run(command, check=False, capture_output=True).returncode:
        yield None
        return
    try:
        yield folder
    finally:
        subprocess.run([mount.replace("mount", "umount"), "--lazy", str(folder)], check=True)


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    """The farm of all tests here, with one worker."""
    folder = tmp_path_factory.mktemp("ground")
    with small_disk(folder) as disk:
        store = Home(folder / "store")
        store.create()
        server, process = start_first(lambda: S3Server(store))
        told = server.settings()
        try:
            with gate_before(told["s3_endpoint"]) as gate:
                variables = {
                    "FARM_S3_URL": told["s3_url"],
                    "FARM_S3_ENDPOINT": gate.endpoint,
                    "FARM_S3_FOLDER": told["s3_folder"],
                    "AWS_ACCESS_KEY_ID": told["aws_access_key_id"],
                    "AWS_SECRET_ACCESS_KEY": told["aws_secret_access_key"],
                }
                with local_farm(folder / "farm", 1, env=variables, lease=LEASE) as settings:
                    secret = {name: SecretStr(told[name]) for name in told if name.startswith("aws_")}
                    yield Ground(settings.model_copy(update=secret), gate, disk)
        finally:
            process.stop(5)


@pytest.fixture
def farm(ground: Ground) -> Iterator[Farm]:
    """A client of that farm."""
    with Farm.connect(ground.settings) as client:
        yield client


def submit(farm: Farm, name: str, *, images: int = 48) -> str:
    """A job of many small ranges; its id."""
    render = {"model": "builtin:shapes", "prompt": "a red circle", "seed": f"1-{images}", "steps": 8}
    return farm.submit({"name": name, "render": render, "run": {"batch": 4, "range": 4}}).job


def wait_for(farm: Farm, job: str, eventually: Eventually, *words: str) -> Status:
    """The job once its reason holds words."""
    eventually(
        lambda: all(word in str(farm.status(job).reason) for word in words), f"{words} in the reason", timeout=60
    )
    return farm.status(job)


def check_whole(ground: Ground, farm: Farm, job: str) -> None:
    """Every picture is there once, as it was recorded; nobody was struck, and nothing was rendered twice."""
    ended = farm.wait(job, timeout=90)
    assert (ended.state, ended.images.failed) == (JobState.DONE, 0)
    assert farm.verify(job).images == ended.images.total
    outcomes = {str(name.outcome) for key in farm.connection.store.list(keys.records(job))
                if (name := keys.parse_record(job, key))}  # fmt: skip
    assert outcomes == {"rendered"}
    assert farm.report(job).totals.wasted_s == 0
    log = Home(ground.settings.home).log("worker-1").read_text()
    assert log.count(f"Claimed {job}[") == ended.images.total / 4


@pytest.mark.slow
def test_a_worker_that_may_not_write_any_more_waits(ground: Ground, farm: Farm, eventually: Eventually) -> None:
    """It keeps what it has rendered and its lease, the job says which right is missing, and then it goes on."""
    job = submit(farm, "forbidden")
    eventually(lambda: farm.status(job).images.done >= 4, "some images", timeout=90)
    ground.gate.refused = {"put"}
    try:
        wait_for(
            farm, job, eventually, "worker-1 waits to store", "does not let us write to the bucket", "s3:PutObject"
        )
        before = farm.status(job).images
        time.sleep(LEASE + 1)
        waiting = farm.status(job)
        assert (waiting.images.done, waiting.images.failed) == (before.done, 0)
        assert waiting.reason
        assert [worker.doing for worker in farm.workers()] == ["waiting"]
    finally:
        ground.gate.refused = set()
    check_whole(ground, farm, job)


@pytest.mark.slow
def test_a_full_disk_stops_nothing_for_good(ground: Ground, farm: Farm, eventually: Eventually) -> None:
    """Neither the store nor Redis takes anything: the job says whose disk is full, and goes on when there is room."""
    if ground.disk is None:
        pytest.skip("this machine lets nobody mount a small disk")
    job = submit(farm, "full")
    eventually(lambda: farm.status(job).images.done >= 4, "some images", timeout=60)
    filler = ground.disk / "filler"
    fill(filler)
    try:
        wait_for(farm, job, eventually, "make room")
        fill(filler)
        wait_for(farm, job, eventually, "Redis at", "No space left on device: make room on its disk")
        said = doctor(ground)
        assert "Redis at" in said["redis"]
        assert f"the disk of {ground.settings.s3_folder} is full" in said["store"]
        time.sleep(2 * LEASE)
        assert "make room" in str(farm.status(job).reason)
    finally:
        filler.unlink()
    check_whole(ground, farm, job)


def fill(filler: Path) -> None:
    """Leave no byte free."""
    with filler.open("ab", buffering=0) as file:
        for size in (1 << 20, 1 << 12):
            try:
                while file.write(b"x" * size):
                    pass
            except OSError:
                continue


def doctor(ground: Ground) -> dict[str, str]:
    """The red lines of `farm doctor --for coordinator --json`: what a container's health check sees."""
    command = [sys.executable, "-m", "farm", "doctor", "--for", "coordinator", "--json"]
    environment = {**os.environ, **ground.settings.environment()}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    found: list[dict[str, Any]] = json.loads(done.stdout)
    assert done.returncode == 3
    return {line["name"]: line["detail"] for line in found if not line["ok"]}


def test_each_right_that_is_missing_is_named(ground: Ground) -> None:
    """A real server behind a gate that refuses one verb after the other; only what cannot be deleted stays."""
    store = S3Store.from_settings(ground.settings)
    rights = {"put": "s3:PutObject", "get": "s3:GetObject", "list": "s3:ListBucket", "delete": "s3:DeleteObject"}
    try:
        for verb in VERBS:
            ground.gate.refused = {verb}
            check = probe(store, "the store")
            assert not check.ok
            assert check.detail.startswith(f"{verb} refused, ")
            assert f"({rights[verb]})" in check.detail
            ground.gate.refused = set()
            assert len(list(store.list("doctor/"))) == (verb == "delete")
            assert probe(store, "the store").ok
    finally:
        ground.gate.refused = set()
        store.delete(list(store.list("doctor/")))
