"""Jobs on a whole farm, as a person at the command line has them."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from farm.client import Farm
from farm.client.control import Verb
from farm.ledger.values import JobState
from farm.profile.outcome import Outcome
from farm.store import keys

if TYPE_CHECKING:
    from tests.live.conftest import RunningFarm, StartFarm

Eventually = Callable[..., None]


def render(**changes: Any) -> dict[str, Any]:
    """A small job of the built-in model: two prompts, four seeds, two step counts."""
    usual = {
        "model": "builtin:shapes",
        "prompt": ["a large red circle on a white background", "a large yellow star on a blue background"],
        "seed": "1-4",
        "steps": [2, 8],
    }
    return {"name": "mugs", "render": usual | changes}


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
    assert (tmp_path / "out" / "errors.jsonl").read_text() == ""
    assert (tmp_path / "out" / "contact-sheet.png").stat().st_size > 1000
    assert command(running, "fetch", job, tmp_path / "out").returncode == 2
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


def test_pause_and_resume(farm: "StartFarm", eventually: Eventually) -> None:
    """A paused job finishes what is under way and sends nothing new; resumed it ends complete."""
    running = farm()
    with Farm.connect(running.settings) as client:
        job = client.submit(render(seed="1-12", steps=20) | {"run": {"batch": 2, "range": 2}}).job
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


def test_cancel_within_a_step(farm: "StartFarm", eventually: Eventually) -> None:
    """The worker stops in the middle of a batch of many steps, and takes up the next job at once."""
    running = farm()
    with Farm.connect(running.settings) as client:
        job = client.submit(render(seed="1-400", steps=150) | {"run": {"batch": 64}}).job
        eventually(
            lambda: any(worker.job_id == job and worker.step > 0 for worker in client.workers()), "a step", timeout=90
        )
        client.cancel(job)
        began = time.monotonic()
        eventually(lambda: all(worker.doing == "idle" for worker in client.workers()), "an idle worker", timeout=20)
        assert time.monotonic() - began < 15
        assert client.status(job).state is JobState.CANCELLED
        small = client.submit(render(seed=1) | {"name": "cups"}).job
        assert client.wait(small, timeout=60).state is JobState.DONE
        assert client.status(job).images.done < 800
        names = [keys.parse_record(job, key) for key in running.store.list(keys.records(job))]
        assert any(name and name.outcome is Outcome.CANCELLED for name in names)


def test_a_coordinator_that_is_killed_is_missed_by_nobody(farm: "StartFarm", eventually: Eventually) -> None:
    """It has no state: the next one goes on, and every image is made once."""
    running = farm()
    with Farm.connect(running.settings) as client:
        job = client.submit(render(seed="1-30", steps=8) | {"run": {"batch": 4, "range": 8}}).job
        eventually(lambda: client.status(job).images.done > 0, "a first image", timeout=60)
        first = running.pid("coordinator")
        running.kill("coordinator")
        eventually(lambda: running.pid("coordinator") != first, "another coordinator")
        ended = client.wait(job, timeout=120)
        assert (ended.state, ended.images.done, ended.images.failed) == (JobState.DONE, 60, 0)
        assert client.verify(job).images == 60
        assert client.report(job).totals.images == 60


def test_ctrl_c_leaves_the_job_running(farm: "StartFarm", tmp_path: Path, eventually: Eventually) -> None:
    """`submit --wait` says so, and the job ends by itself."""
    running = farm()
    manifest = tmp_path / "mugs.json"
    manifest.write_text(json.dumps(render(seed="1-10")))
    with Farm.connect(running.settings) as client:
        process = subprocess.Popen(
            [sys.executable, "-m", "farm", "submit", str(manifest), "--wait"],
            env=os.environ | {"FARM_HOME": str(running.home.path), "PYTHONUNBUFFERED": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        eventually(lambda: client.jobs() != [], "a job")
        assert process.stdout is not None
        process.stdout.readline()
        process.stdout.readline()
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=20)
        assert process.returncode in {130, -signal.SIGINT}  # the second where Ctrl-C met an import
        assert "The job goes on: `farm watch mugs-" in err
        assert "Traceback" not in err
        assert client.wait("mugs", timeout=60).state is JobState.DONE


def test_a_model_that_cannot_be_loaded_fails_its_job_once(farm: "StartFarm", tmp_path: Path) -> None:
    """With one sentence for the job, exit code 1, and every task in `errors.jsonl`, ready to be submitted again."""
    running = farm(env={"HF_HUB_OFFLINE": "1"})
    manifest = tmp_path / "mugs.json"
    manifest.write_text(json.dumps(render(model="nobody/nothing")))
    said = command(running, "submit", manifest, "--wait")
    assert said.returncode == 1, said.stdout + running.log()
    with Farm.connect(running.settings) as client:
        status = client.status("mugs")
        assert (status.state, status.images.failed) == (JobState.FAILED, 16)
        assert "nobody/nothing" in str(status.reason)
        lines = running.store.get(keys.errors(status.job)).decode().splitlines()
        assert len(lines) == 16
        assert client.tell(status.job, Verb.RETRY) == 16
        assert client.wait(status.job, timeout=60).state is JobState.FAILED
