import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from farm.ledger.values import JobState
from farm.store import keys

if TYPE_CHECKING:
    from tests.farm.cli.conftest import Run
    from tests.farm.conftest import Stage

GOOD = """\
name: mugs
render:
  model: builtin:shapes
  prompt: [a red circle, a blue star]
  seed: 1-2
  steps: [4, 8]
"""


@pytest.fixture
def manifest(tmp_path: Path) -> Callable[..., Path]:
    """Writes a manifest, or the good one with something replaced."""

    def write(text: str = GOOD, name: str = "mugs.yaml") -> Path:
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return path

    return write


Manifest = Callable[..., Path]


def test_plan_counts_without_a_farm(run: "Run", manifest: Manifest) -> None:
    """Images, steps and groups; nothing is configured and nothing is submitted."""
    said = run("plan", manifest())
    assert said.code == 0
    assert "8 images, 48 steps" in said.out
    assert "builtin:shapes" in said.out


def test_plan_as_json_is_what_scripts_read(run: "Run", manifest: Manifest) -> None:
    """The names are DESIGN's; there is no quote before anything was measured."""
    document = json.loads(run("plan", manifest(), "--json").out)
    assert list(document) == ["images", "steps", "groups", "verdicts", "quote"]
    assert (document["images"], document["steps"], document["quote"]) == (8, 48, None)
    assert all(
        list(group) == ["model", "scheduler", "size", "steps", "effective_steps", "images"]
        for group in document["groups"]
    )
    assert sum(group["images"] for group in document["groups"]) == 8


def test_warnings_go_to_stderr(run: "Run", manifest: Manifest) -> None:
    """So that --json stays JSON."""
    said = run("plan", manifest(), "--set", "render.steps=140", "--json")
    assert said.code == 0
    document = json.loads(said.out)
    assert all(set(verdict) == {"level", "message"} for verdict in document["verdicts"])


def test_strict_policy_refuses_what_warn_only_mentions(run: "Run", manifest: Manifest) -> None:
    """The model family's range is advice until the user makes it a rule."""
    path = manifest(GOOD.replace("  steps: [4, 8]", "  family: sdxl\n  steps: 4"))
    warned = run("plan", path)
    assert warned.code == 0
    assert "warning:" in warned.err
    strict = run("plan", path, "--set", "run.step_policy=strict")
    assert (strict.code, strict.out) == (2, "")
    assert "render.steps" in strict.err or "steps" in strict.err


def test_submit_says_which_job(here: "Stage", run: "Run", manifest: Manifest) -> None:
    """Id and images."""
    said = run("submit", manifest())
    assert said.code == 0
    job = here.farm.jobs()[0].job
    assert said.out == f"Job {job}: 8 images.\n"


def test_submit_as_json_is_what_scripts_read(here: "Stage", run: "Run", manifest: Manifest) -> None:
    """Job, images and state, first and second time."""
    first, second = (json.loads(run("submit", manifest(), "--json").out) for _ in range(2))
    assert first == second == {"job": here.farm.jobs()[0].job, "images": 8, "state": "queued"}


def test_the_same_manifest_twice_is_one_job(here: "Stage", run: "Run", manifest: Manifest) -> None:
    """The second time says so, with its state, and exits 0."""
    run("submit", manifest())
    job = here.farm.jobs()[0].job
    here.render(job)
    said = run("submit", manifest())
    assert said.code == 0
    assert f"Job {job} is this same job, submitted before: it is running" in said.out
    here.end(job, JobState.DONE)
    assert "--again" in run("submit", manifest()).out
    assert len(here.farm.jobs()) == 1


def test_a_submission_that_differs_in_run_only_says_so(here: "Stage", run: "Run", manifest: Manifest) -> None:
    """And how to change a job that runs."""
    run("submit", manifest())
    said = run("submit", manifest(), "--set", "run.priority=80")
    assert "Only `run` differs" in said.out
    assert "farm set" in said.out
    assert len(here.farm.jobs()) == 1


def test_again_and_name_make_other_jobs(here: "Stage", run: "Run", manifest: Manifest) -> None:
    """The same pictures once more, or under another name."""
    run("submit", manifest())
    run("submit", manifest(), "--again")
    run("submit", manifest(), "--name", "cups")
    names = sorted(job.name for job in here.farm.jobs())
    assert names == ["cups", "mugs", "mugs"]


def test_settings_on_the_command_line_come_last(here: "Stage", run: "Run", manifest: Manifest) -> None:
    """--set may be given several times."""
    run("submit", manifest(), "--set", "render.steps=6", "--set", "render.seed=1-3")
    assert here.farm.jobs()[0].images.total == 6


def test_submit_and_wait_ends_with_the_job(here: "Stage", run: "Run", manifest: Manifest) -> None:
    """A job that was done before is over at once; a failed one exits 1."""
    run("submit", manifest())
    job = here.farm.jobs()[0].job
    here.end(job, JobState.DONE)
    assert run("submit", manifest(), "--wait").code == 0
    assert json.loads(run("submit", manifest(), "--wait", "--json").out)["state"] == "done"
    run("submit", manifest(), "--name", "cups")
    here.end(here.farm.status("cups").job, JobState.FAILED)
    assert run("submit", manifest(), "--name", "cups", "--wait").code == 1


def test_a_prompt_file_is_a_manifest(here: "Stage", run: "Run", manifest: Manifest) -> None:
    """One prompt per line, the model on the command line."""
    path = manifest("a red circle\na blue star\n", "prompts.txt")
    said = run("submit", path, "--set", "render.model=builtin:shapes", "--set", "render.steps=4")
    assert said.code == 0
    assert here.farm.jobs()[0].images.total == 2


def test_unknown_columns_are_noted_once(here: "Stage", run: "Run", manifest: Manifest) -> None:
    """They travel along as meta."""
    lines = "".join(json.dumps({"prompt": f"a red circle {n}", "tag": "x"}) + "\n" for n in range(3))
    said = run("submit", manifest(lines, "tasks.jsonl"), "--set", "render.model=builtin:shapes")
    assert (said.code, len(here.farm.jobs())) == (0, 1)
    assert len(re.findall("tag", said.err)) == 1


def test_the_manifest_is_in_the_store_as_it_was_written(here: "Stage", run: "Run", manifest: Manifest) -> None:
    """For whoever asks later what was wanted."""
    run("submit", manifest("# for the morning\n" + GOOD))
    assert here.store.get(keys.manifest(here.farm.jobs()[0].job)).decode() == "# for the morning\n" + GOOD


def test_plan_shows_what_a_scheduler_calls_the_denoiser(run: "Run", tmp_path: Path) -> None:
    """Heun costs twice its steps; where every step is one call, there is nothing to show."""
    path = tmp_path / "mugs.yaml"
    path.write_text("render: {model: 'builtin:shapes', prompt: a red circle, steps: 20}\n", encoding="utf-8")
    assert "DENOISER CALLS" not in run("plan", path).out
    said = run("plan", path, "--set", "render.scheduler=[euler, heun]").out.splitlines()
    assert said[1].split()[3:8] == ["STEPS", "EFFECTIVE", "STEPS", "DENOISER", "CALLS"]
    assert [line.split()[1:] for line in said[2:]] == [
        ["euler", "64x64", "20", "20", "20", "1"],
        ["heun", "64x64", "20", "20", "39", "1"],
    ]
    groups = json.loads(run("plan", path, "--set", "render.scheduler=heun", "--json").out)["groups"]
    assert set(groups[0]) == {"model", "scheduler", "size", "steps", "effective_steps", "images"}
