import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from farm.cli.sweep import OUTPUT, STEPS
from farm.client import Farm
from farm.client.status import Status
from farm.client.submit import read_plan
from farm.ledger.values import JobState
from farm.store import keys
from tests.farm.quality.conftest import picture

if TYPE_CHECKING:
    from tests.farm.cli.conftest import Run
    from tests.farm.conftest import Stage

SWEEP = ("sweep", "--model", "builtin:shapes", "--prompt", "a star", "--prompt", "a ring", "--steps", "5,10,20,40")


@pytest.fixture(autouse=True)
def _workers(here: "Stage", monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Whoever waits finds everything rendered, in pictures that come closer to each other with more steps."""

    def wait(farm: Farm, job: str, **_: object) -> Status:
        if not farm.status(job).state.over:
            plan = read_plan(here.store, job)
            position = 0
            while position < plan.images:
                stop = plan.spot(position).stop
                here.render(job, stop - position)
                for task in plan.tasks(position, stop):
                    here.store.put(keys.image(job, plan.image_name(task)), picture(task))
                position = stop
            here.end(job, JobState.DONE)
        return farm.status(job)

    monkeypatch.setattr(Farm, "wait", wait)
    monkeypatch.chdir(tmp_path)


def test_a_sweep_reports_quality_and_draws_sheets(run: "Run", tmp_path: Path) -> None:
    """One command: the job, its report with the sweet spots, a sheet of all and one for each scheduler."""
    said = run(*SWEEP, "--schedulers", "dpm++2m-karras,euler-a", "-o", tmp_path / "out")
    assert said.code == 0
    assert said.err == ""
    assert said.out.startswith("Job sweep-shapes-")
    assert "Quality against steps: builtin:shapes, 64x64" in said.out
    assert "steps look like 40" in " ".join(said.out.split())
    assert "euler-a: A stochastic sampler" in said.out
    assert f"Contact sheet: {tmp_path / 'out' / 'contact-sheet.png'}, and 2 sheets of one scheduler each." in said.out
    names = ["contact-sheet-dpm++2m-karras.png", "contact-sheet-euler-a.png", "contact-sheet.png"]
    assert sorted(path.name for path in (tmp_path / "out").glob("*.png")) == names


def test_the_job_is_what_was_asked_for(here: "Stage", run: "Run") -> None:
    """Prompts, seeds, steps, schedulers and size; the same words again are the same job."""
    words = [
        *SWEEP,
        "--seeds",
        "7,9",
        "--schedulers",
        "euler",
        "--size",
        "64x96",
        "--name",
        "mine",
        "--no-wait",
        "--json",
    ]
    document = json.loads(run(*words).out)
    assert (document["images"], document["state"]) == (16, "queued")
    plan = read_plan(here.store, document["job"])
    assert plan.name == "mine"
    tasks = [plan.space[number] for number in range(16)]
    assert [(task.prompt, task.seed, task.steps) for task in tasks[:5]] == [
        ("a star", 7, 5), ("a star", 7, 10), ("a star", 7, 20), ("a star", 7, 40), ("a star", 9, 5),
    ]  # fmt: skip
    assert {(task.scheduler, task.width, task.height) for task in tasks} == {("euler", 64, 96)}
    assert json.loads(run(*words).out)["job"] == document["job"]
    assert json.loads(run(*words, "--again").out)["job"] == f"{document['job']}-2"


def test_left_out_it_is_the_usual_comparison(here: "Stage", run: "Run") -> None:
    """Four seeds at 5, 10, 20, 30, 40 and 50 steps; what the policy thinks of them is what a sweep finds out."""
    said = run("sweep", "--model", "builtin:shapes", "--prompt", "a star", "--no-wait", "--schedulers", "euler")
    assert said.err == ""
    [job] = here.ledger.jobs()
    assert job.images == 24
    steps = {entry["steps"] for entry in read_plan(here.store, job.job_id).summary()}
    assert steps == {int(each) for each in STEPS.split(",")}


def test_as_json_it_is_the_report(run: "Run", tmp_path: Path) -> None:
    """The fields of `report --json`, and where the sheets are; a default folder is written over."""
    document = json.loads(run(*SWEEP, "--json").out)
    assert [row["steps"] for row in document["quality"]] == [5, 10, 20, 40]
    assert list(document["quality"][0])[:7] == [
        "model", "scheduler", "size", "steps", "ssim", "psnr", "saved_fraction",
    ]  # fmt: skip
    [spot] = document["sweet_spots"]
    assert list(spot)[:5] == ["model", "scheduler", "size", "steps", "reason"]
    assert document["sheets"] == [str(OUTPUT / "contact-sheet.png")]
    assert (tmp_path / OUTPUT / "contact-sheet.png").is_file()
    assert run(*SWEEP, "--seeds", "1-2").code == 0


def test_any_manifest_whose_steps_are_an_axis_will_do(here: "Stage", run: "Run", tmp_path: Path) -> None:
    """Options write over its fields, also where a prompt looks like something else."""
    manifest = tmp_path / "mugs.json"
    render = {"model": "builtin:shapes", "prompt": "a mug", "seed": 1, "steps": [4, 8]}
    manifest.write_text(json.dumps({"name": "mugs", "render": render}))
    assert json.loads(run("sweep", manifest, "--no-wait", "--json").out)["images"] == 2
    changed = json.loads(run("sweep", manifest, "--seeds", "1-3", "--prompt", "[a, b]", "--no-wait", "--json").out)
    assert changed["images"] == 6
    assert read_plan(here.store, changed["job"]).task(0).prompt == "[a, b]"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--model", "builtin:shapes"], "There is no --prompt: give --model and --prompt, or a manifest."),
        (["--prompt", "a star"], "There is no --model"),
        (["--model", "builtin:shapes", "--prompt", "a star", "--steps", "20"], "Nothing to compare"),
        (["--model", "builtin:shapes", "--prompt", "a star", "--steps", "5,x"], "render.steps: must be whole numbers"),
        (["--model", "builtin:shapes", "--prompt", "a star", "--schedulers", "euler,eulr"], "did you mean euler?"),
        (["--model", "builtin:shapes", "--prompt", "a star", "--size", "7"], "render.size"),
        (["missing.yaml"], "missing.yaml"),
    ],
)
def test_bad_input_is_a_sentence_and_no_job(here: "Stage", run: "Run", words: list[str], said: str) -> None:
    """Exit code 2, and nothing was submitted."""
    found = run("sweep", *words)
    assert (found.code, found.out) == (2, "")
    assert said in found.err
    assert here.ledger.jobs() == []


def test_a_folder_in_use_is_refused_before_anything_is_rendered(here: "Stage", run: "Run", tmp_path: Path) -> None:
    """Unless forced; the folder of an earlier run of the same sweep is its own."""
    folder = tmp_path / "out"
    folder.mkdir()
    (folder / "notes.txt").write_text("mine")
    refused = run(*SWEEP, "-o", folder)
    assert (refused.code, "not empty" in refused.err, here.ledger.jobs()) == (2, True, [])
    assert run(*SWEEP, "-o", folder, "--force").code == 0
    assert run(*SWEEP, "-o", folder).code == 0
    assert run(*SWEEP, "-o", folder, "--again").code == 2
    assert (folder / "notes.txt").read_text() == "mine"


def test_a_sweep_that_failed_exits_1(here: "Stage", run: "Run", monkeypatch: pytest.MonkeyPatch) -> None:
    """What there is is reported all the same."""

    def wait(farm: Farm, job: str, **_: object) -> Status:
        here.render(job, 2)
        here.end(job, JobState.FAILED)
        return farm.status(job)

    monkeypatch.setattr(Farm, "wait", wait)
    said = run(*SWEEP)
    assert said.code == 1
    assert "Report on sweep-shapes" in said.out
    assert "Quality" not in said.out
