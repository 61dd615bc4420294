import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from farm.local.needs import renders

if TYPE_CHECKING:
    from tests.farm.cli.conftest import Run
    from tests.farm.conftest import Stage


def test_workers_are_listed_with_what_they_do(here: "Stage", run: "Run") -> None:
    """Device, live step, images so far, and what a worker cannot load."""
    here.ledger.register("box-1", {"gpu": "NVIDIA L4", "host": "box", "device": "cuda:0"})
    here.ledger.note("box-1", doing="rendering", step=7, steps=20, images_done=64, job_id="mugs-1")
    here.ledger.unfit("box-1", "q", "The folder has no model_index.json.")
    out = run("workers").out
    for words in ("box-1", "NVIDIA L4", "rendering, step 7 of 20", "64", "mugs-1", "no model_index.json"):
        assert words in out
    assert json.loads(run("workers", "--json").out)[0]["gpu"] == "NVIDIA L4"


def test_no_workers_says_how_to_start_one(here: "Stage", run: "Run") -> None:
    """A farm without workers is a common state, not an error."""
    assert here.ledger.workers() == []
    said = run("workers")
    assert (said.code, "farm worker" in said.out) == (0, True)


def test_a_worker_replaces_this_process(run: "Run", monkeypatch: pytest.MonkeyPatch) -> None:
    """`farm` imports no worker code: it becomes `python -m workers`, with its name in the environment."""
    monkeypatch.setenv("FARM_WORKER_NAME", "")
    monkeypatch.setattr("farm.cli.services.renders", lambda: True)
    became: list[Any] = []
    monkeypatch.setattr(os, "execv", lambda program, words: became.append((program, words)))
    assert run("worker", "--name", "box-1").code == 0
    assert became == [(sys.executable, [sys.executable, "-P", "-m", "workers"])]
    assert os.environ["FARM_WORKER_NAME"] == "box-1"


@pytest.mark.skipif(not renders(), reason="the libraries of a worker are not installed here")
def test_a_folder_of_the_users_is_not_our_worker(tmp_path: Path) -> None:
    """`workers` is a common name: one where the user works is not what is run."""
    (tmp_path / "workers").mkdir()
    (tmp_path / "workers" / "__main__.py").write_text("print('not ours')")
    ours = {name: value for name, value in os.environ.items() if not name.startswith("FARM_")}
    code = "import sys; sys.path.pop(0); from farm.cli.main import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code, "worker"],
        cwd=tmp_path,
        env=ours | {"PYTHONPATH": str(Path(__file__).parents[3])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "not ours" not in done.stdout
    assert done.returncode == 3
    assert "farm up" in done.stderr


def test_a_worker_without_its_libraries_says_what_to_install(run: "Run", monkeypatch: pytest.MonkeyPatch) -> None:
    """A client's installation has no torch."""
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    said = run("worker")
    assert (said.code, "stepfarm[worker]" in said.err) == (2, True)


def test_a_coordinator_needs_a_farm(run: "Run") -> None:
    """Without Redis and a store there is nothing to coordinate."""
    said = run("coordinator")
    assert (said.code, "farm up" in said.err, "Traceback" in said.err) == (3, True, False)


def test_the_coordinator_runs_until_it_is_told(run: "Run", monkeypatch: pytest.MonkeyPatch) -> None:
    """Its exit code is the command's."""
    monkeypatch.setattr("farm.coordinator.loop.main", lambda _: 0)
    assert run("coordinator").code == 0


def test_doctor_has_advice_for_every_red_line(run: "Run") -> None:
    """Nothing is configured here: exit code 3, and what to do."""
    said = run("doctor")
    assert said.code == 3
    assert "RED" in said.out
    assert "->" in said.out
    document = json.loads(run("doctor", "--json").out)
    assert {"name", "ok", "detail", "advice"} <= set(document[0])
    assert all(each["advice"] for each in document if not each["ok"])
