import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PIL import Image

from farm.ledger.values import JobState
from farm.store import keys

if TYPE_CHECKING:
    from tests.farm.conftest import Stage


def rows(folder: Path) -> list[dict[str, Any]]:
    """The lines of the metadata."""
    return [json.loads(line) for line in (folder / "train" / "metadata.jsonl").read_text().splitlines()]


def test_the_layout_is_the_documented_one(stage: "Stage", tmp_path: Path) -> None:
    """Every picture below `train`, one line each with `file_name` relative to the metadata, and no picture besides."""
    job = stage.submit(prompt=["a red circle", "a test of a blue star"]).job
    stage.render(job)
    stage.end(job, JobState.DONE)
    stage.farm.fetch(job, tmp_path, layout="imagefolder")
    found = rows(tmp_path)
    assert [row["text"] for row in found] == ["a red circle", "a red circle"] + ["a test of a blue star"] * 2
    assert [row["seed"] for row in found] == ["1", "2", "1", "2"]
    for row in found:
        with Image.open(tmp_path / "train" / row["file_name"]) as picture:
            picture.verify()
    pictures = {path.relative_to(tmp_path / "train") for path in tmp_path.rglob("*.png")}
    assert pictures == {Path(row["file_name"]) for row in found}
    assert (tmp_path / "results.jsonl").is_file()


def test_columns_have_one_type_in_every_line(stage: "Stage", tmp_path: Path) -> None:
    """Arrow reads the file as one table: rows that carry other columns along must not break it."""
    lines = [{"prompt": "a red circle", "n": 1, "seed": 2**64 - 1}, {"prompt": "a blue star", "n": "x", "seed": 1}]
    (tmp_path / "rows.jsonl").write_text("\n".join(map(json.dumps, lines)))
    job = stage.farm.submit(tmp_path / "rows.jsonl", overrides=["render.model=builtin:shapes"]).job
    stage.render(job)
    stage.farm.fetch(job, tmp_path / "out", layout="imagefolder")
    first, second = rows(tmp_path / "out")
    assert {name: type(value) for name, value in first.items()} == {name: type(value) for name, value in second.items()}


def test_the_lines_are_those_of_the_pictures_that_are_there(stage: "Stage", tmp_path: Path) -> None:
    """A line without its picture, or a picture without its line, is an error to every reader."""
    job = stage.submit().job
    names = stage.render(job, 3)
    stage.store.delete([keys.image(job, names[1])])
    assert stage.farm.fetch(job, tmp_path, layout="imagefolder").bad == (names[1],)
    assert [row["file_name"] for row in rows(tmp_path)] == [names[0], names[2]]
