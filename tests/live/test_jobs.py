"""Jobs on a whole farm, as a person at the command line has them."""

import json
import os
import signal
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import sd_parsers

from farm.client import Farm
from farm.client.control import Verb
from farm.client.fetch import Layout
from farm.ledger.values import JobState
from farm.profile.outcome import Outcome
from farm.store import keys

if TYPE_CHECKING:
    from tests.live.conftest import RunningFarm, StartFarm

Eventually = Callable[..., None]


def render(name: str = "mugs", **changes: Any) -> dict[str, Any]:
    """A small job of the built-in model: two prompts, four seeds, two step counts."""
    usual = {
        "model": "builtin:shapes",
        "prompt": ["a large red circle on a white background", "a large yellow star on a blue background"],
        "seed": "1-4",
        "steps": [2, 8],
    }
    return {"name": name, "render": usual | changes}


def command(running: "RunningFarm", *words: object, timeout: float = 120) -> subprocess.CompletedProcess[str]:
    """Run `farm` in a process of its own against a running farm."""
    return subprocess.run(
        [sys.executable, "-m", "farm", *map(str, words)],
        env=os.environ | {"FARM_HOME": str(running.home.path)},
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


def test_a_job_from_submit_to_report(farm: "StartFarm", tmp_path: Path) -> None:
    """One manifest in; pictures, timings and a report out; the second submission does no work."""
    running = farm()
    manifest = tmp_path / "mugs.json"
    manifest.write_text(json.dumps(render()))

    said = command(running, "submit", manifest, "--wait")
    assert said.returncode == 0, said.stderr + running.log()
    job = said.stdout.split()[1].rstrip(":")
    assert f"{job} done: 16 of 16 images (100 %)" in said.stdout.splitlines()[-1]

    records = list(running.store.list(keys.records(job)))
    again = command(running, "submit", manifest, "--wait", "--json")
    assert json.loads(again.stdout) == {"job": job, "images": 16, "state": "done"}
    assert list(running.store.list(keys.records(job))) == records

    fetched = command(running, "fetch", "mugs", tmp_path / "out")
    assert fetched.returncode == 0, fetched.stderr
    assert len(list((tmp_path / "out" / "images").glob("*.png"))) == 16
    results = [json.loads(line) for line in (tmp_path / "out" / "results.jsonl").read_text().splitlines()]
    assert [line["index"] for line in results] == list(range(16))
    assert not (tmp_path / "out" / "errors.jsonl").exists()
    assert (tmp_path / "out" / "contact-sheet.png").stat().st_size > 1000
    (tmp_path / "out" / "images" / results[3]["key"].rpartition("/")[2]).unlink()
    assert "15 of them from an earlier fetch" in command(running, "fetch", job, tmp_path / "out").stdout
    assert command(running, "verify", job).stdout == "16 pictures checked, 0 missing, 0 damaged.\n"

    report = json.loads(command(running, "report", job, "--json").stdout)
    assert (report["totals"]["images"], report["totals"]["steps"], report["currency"]) == (16, 80, None)
    ledger = report["ledger"]
    parts = sum(value for name, value in ledger.items() if name not in {"wall_s", "upload_s"})
    assert parts == pytest.approx(ledger["wall_s"], abs=0.01)
    assert abs(ledger["residual_s"]) <= 0.01 * ledger["wall_s"]

    assert command(running, "pause", job).returncode == 2
    assert command(running, "status", "cups").returncode == 4
    workers = json.loads(command(running, "workers", "--json").stdout)
    assert [worker["id"] for worker in workers] == ["worker-1"]


def test_pause_and_resume(lasting_farm: "RunningFarm", eventually: Eventually) -> None:
    """A paused job finishes what is under way and sends nothing new; resumed it ends complete."""
    with Farm.connect(lasting_farm.settings) as client:
        job = client.submit(render("paused", seed="1-12", steps=20) | {"run": {"batch": 2, "range": 2}}).job
        eventually(lambda: client.status(job).images.done > 0, "a first image", timeout=60)
        client.tell(job, Verb.PAUSE)
        eventually(lambda: client.status(job).images.running == 0, "an idle worker")
        paused = client.status(job)
        assert paused.state is JobState.PAUSED
        assert 0 < paused.images.done < 24
        time.sleep(1.5)
        assert client.status(job).images.done == paused.images.done
        client.tell(job, Verb.RESUME)
        ended = client.wait(job, timeout=120)
        assert (ended.state, ended.images.done) == (JobState.DONE, 24)


def test_pictures_for_training_and_a_job_that_is_removed(lasting_farm: "RunningFarm", tmp_path: Path) -> None:
    """JPEG and WebP that other programs read, as data sets; then nothing of the jobs is left, not even a folder."""
    pairs = (("jpeg", Layout.IMAGEFOLDER, "train/*.jpg"), ("webp", Layout.WEBDATASET, "*.tar"))
    with Farm.connect(lasting_farm.settings) as client:
        for kind, layout, found in pairs:
            job = client.submit(render(kind, seed="1-2", steps=2) | {"output": {"format": kind}}).job
            assert client.wait(job, timeout=60).state is JobState.DONE
            assert client.verify(job).ok
            fetched = client.fetch(job, tmp_path / kind, layout=layout)
            assert (fetched.images, fetched.brought, len(list((tmp_path / kind).glob(found))) > 0) == (4, 4, True)
            assert client.fetch(job, tmp_path / kind, layout=layout).brought == 0
            assert client.remove(job).objects > 4
            assert job not in lasting_farm.store.folders(keys.JOBS)
        assert client.submit(render(kind, seed="1-2", steps=2) | {"output": {"format": kind}}).new
        client.cancel(job)
        client.remove(job)
    (tmp_path / "tar").mkdir()
    with tarfile.open(next((tmp_path / "webp").glob("*.tar"))) as tar:
        tar.extractall(tmp_path / "tar", filter="data")
    for path in (*(tmp_path / "jpeg" / "train").glob("*.jpg"), *(tmp_path / "tar").glob("*.webp")):
        read = sd_parsers.ParserManager().parse(path)
        assert read is not None
        assert read.samplers[0].prompts[0].value in render()["render"]["prompt"]


def test_cancel_within_a_step(lasting_farm: "RunningFarm", eventually: Eventually) -> None:
    """The worker stops in the middle of a batch of many steps, and takes up the next job at once."""
    with Farm.connect(lasting_farm.settings) as client:
        job = client.submit(render("cancelled", seed="1-400", steps=150) | {"run": {"batch": 64}}).job
        eventually(
            lambda: any(worker.job_id == job and worker.step > 0 for worker in client.workers()), "a step", timeout=90
        )
        client.cancel(job)
        began = time.monotonic()
        eventually(lambda: all(worker.doing == "idle" for worker in client.workers()), "an idle worker", timeout=20)
        assert time.monotonic() - began < 15
        assert client.status(job).state is JobState.CANCELLED
        small = client.submit(render("cups", seed=1)).job
        assert client.wait(small, timeout=60).state is JobState.DONE
        assert client.status(job).images.done < 800
        names = [keys.parse_record(job, key) for key in lasting_farm.store.list(keys.records(job))]
        assert any(name and name.outcome is Outcome.CANCELLED for name in names)


def test_a_coordinator_that_is_killed_is_missed_by_nobody(lasting_farm: "RunningFarm", eventually: Eventually) -> None:
    """It has no state: the next one goes on, and every image is made once."""
    with Farm.connect(lasting_farm.settings) as client:
        job = client.submit(render("led", seed="1-30", steps=8) | {"run": {"batch": 4, "range": 8}}).job
        eventually(lambda: client.status(job).images.done > 0, "a first image", timeout=60)
        first = lasting_farm.pid("coordinator")
        lasting_farm.kill("coordinator")
        eventually(lambda: lasting_farm.pid("coordinator") != first, "another coordinator")
        ended = client.wait(job, timeout=120)
        assert (ended.state, ended.images.done, ended.images.failed) == (JobState.DONE, 60, 0)
        assert client.verify(job).images == 60
        assert client.report(job).totals.images == 60


def test_ctrl_c_leaves_the_job_running(lasting_farm: "RunningFarm", tmp_path: Path, eventually: Eventually) -> None:
    """`submit --wait` says so, and the job ends by itself."""
    manifest = tmp_path / "left.json"
    manifest.write_text(json.dumps(render("left", seed="1-10")))
    with Farm.connect(lasting_farm.settings) as client:
        process = subprocess.Popen(
            [sys.executable, "-m", "farm", "submit", str(manifest), "--wait"],
            env=os.environ | {"FARM_HOME": str(lasting_farm.home.path), "PYTHONUNBUFFERED": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        eventually(lambda: any(job.name == "left" for job in client.jobs()), "a job")
        assert process.stdout is not None
        process.stdout.readline()
        process.stdout.readline()
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=20)
        assert process.returncode in {130, -signal.SIGINT}  # the second where Ctrl-C met an import
        assert "The job goes on: `farm watch left-" in err
        assert "Traceback" not in err
        assert client.wait("left", timeout=60).state is JobState.DONE


def test_a_model_that_cannot_be_loaded_fails_its_job_once(lasting_farm: "RunningFarm", tmp_path: Path) -> None:
    """With one sentence for the job, exit code 1, and every task in `errors.jsonl`, ready to be submitted again."""
    manifest = tmp_path / "nobody.json"
    manifest.write_text(json.dumps(render("nobody", model="nobody/nothing")))
    said = command(lasting_farm, "submit", manifest, "--wait")
    assert said.returncode == 1, said.stdout + lasting_farm.log()
    with Farm.connect(lasting_farm.settings) as client:
        status = client.status("nobody")
        assert (status.state, status.images.failed) == (JobState.FAILED, 16)
        assert "nobody/nothing" in str(status.reason)
        lines = lasting_farm.store.get(keys.errors(status.job)).decode().splitlines()
        assert len(lines) == 16
        assert client.tell(status.job, Verb.RETRY) == 16
        assert client.wait(status.job, timeout=60).state is JobState.FAILED
