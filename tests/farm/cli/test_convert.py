"""`farm convert` as a person uses it."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.farm.cli.conftest import Run

REQUEST = {
    "custom_id": "a",
    "method": "POST",
    "url": "/v1/images/generations",
    "body": {"model": "gpt-image-1", "prompt": "a large red circle", "n": 2, "quality": "hd"},
}


@pytest.fixture
def batch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A batch file, and a farm.toml that knows its model."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "farm.toml").write_text('[models]\n"gpt-image-1" = "builtin:shapes"\n', encoding="utf-8")
    (tmp_path / "batch.jsonl").write_text(json.dumps(REQUEST), encoding="utf-8")
    return Path("batch.jsonl")


def job_of(said: str) -> str:
    """What `farm plan` calls a job's pictures: its first line without the job's id."""
    return said.partition(": ")[2]


def test_a_batch_becomes_a_manifest(run: "Run", batch: Path) -> None:
    """On stdout, to be redirected; what is not taken over is said on stderr; the plans count the same."""
    said = run("convert", batch)
    assert (said.code, said.err) == (0, "note: Not used from batch.jsonl, since they mean nothing here: quality.\n")
    Path("job.yaml").write_text(said.out, encoding="utf-8")
    assert job_of(run("plan", "job.yaml").out) == job_of(run("plan", batch).out)


def test_many_rows_go_beside(run: "Run", batch: Path) -> None:
    """Into a file that the manifest names."""
    batch.write_text(json.dumps(REQUEST | {"body": REQUEST["body"] | {"n": 1000}}) + "\n" + json.dumps(REQUEST))  # type: ignore[operator]
    assert run("convert", batch).code == 2
    said = run("convert", batch, "-o", "job.yaml", "--name", "circles", "--set", "render.steps=8")
    assert (said.code, said.out) == (0, "Wrote job.yaml and job.jsonl, with 1002 rows.\n")
    assert "name: circles" in Path("job.yaml").read_text(encoding="utf-8")
    assert job_of(run("plan", "job.yaml").out) == job_of(run("plan", batch, "--set", "render.steps=8").out)


def test_nothing_is_overwritten(run: "Run", batch: Path) -> None:
    """Neither what is there nor with what is no manifest's name."""
    assert run("convert", batch, "-o", "job.yaml").out == "Wrote job.yaml.\n"
    again = run("convert", batch, "-o", "job.yaml")
    assert (again.code, again.err.splitlines()[-1]) == (
        2,
        "farm: job.yaml is there already: choose another name, or remove it.",
    )
    other = run("convert", batch, "-o", "job.txt")
    assert (other.code, other.err.splitlines()[-1]) == (
        2,
        "farm: A manifest's name ends in .yaml, and that of job.txt does not.",
    )


def test_a_file_that_is_wrong(run: "Run", batch: Path) -> None:
    """The sentence that a submission would give, and nothing on stdout."""
    Path("farm.toml").unlink()
    said = run("convert", batch)
    assert (said.code, said.out) == (2, "")
    assert said.err == (
        "farm: batch.jsonl:1: body.model: 'gpt-image-1' is no model of this farm: say in farm.toml, under [models], "
        'what to take for it, "gpt-image-1" = "…", or take one for all with --set render.model=….\n'
    )
    assert run("plan", batch).err == run("submit", batch).err == said.err or "No farm" in run("submit", batch).err
