from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from farm.cli.demo import MANIFEST
from farm.client import Farm
from farm.client.status import Status
from farm.errors import UsageError
from farm.ledger.values import JobState
from farm.settings import Settings

if TYPE_CHECKING:
    from tests.farm.cli.conftest import Run
    from tests.farm.conftest import Stage


@pytest.fixture(autouse=True)
def _installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """No torch is needed: nothing is rendered here."""
    monkeypatch.setattr("farm.local.needs.renders", lambda: True)


@pytest.fixture
def homes(here: "Stage", monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[Path]:
    """The homes that farms were started in; they render as soon as somebody waits."""
    started: list[Path] = []

    @contextmanager
    def local_farm(home: Path) -> Iterator[Settings]:
        home.mkdir(parents=True)
        started.append(home)
        yield here.farm.connection.settings

    def wait(farm: Farm, job: str, **_: object) -> Status:
        for _group in here.farm.plan(MANIFEST).groups:
            here.render(job, 200)
        here.end(job, JobState.DONE)
        return farm.status(job)

    monkeypatch.setattr("farm.local.launch.local_farm", local_farm)
    monkeypatch.setattr(Farm, "wait", wait)
    monkeypatch.chdir(tmp_path)
    return started


def test_the_demo_shows_everything(run: "Run", homes: list[Path], tmp_path: Path) -> None:
    """A report, the pictures with their contact sheet in the folder named last, and nothing left running."""
    said = run("demo")
    assert said.code == 0
    assert "Report on shapes" in said.out
    assert str(tmp_path / "farm-output") in said.out.splitlines()[-1].replace("\n", "")
    assert (tmp_path / "farm-output" / "contact-sheet.png").is_file()
    assert len(list((tmp_path / "farm-output" / "images").glob("*.png"))) == 144
    assert homes == [(tmp_path / "home" / "demo").resolve()]
    assert not homes[0].exists()


def test_a_second_demo_writes_over_the_first(run: "Run", homes: list[Path]) -> None:
    """The demo's own folder is nobody's work."""
    assert [run("demo").code, run("demo", "--keep").code] == [0, 0]
    assert homes[1].exists()


def test_another_folder_must_be_empty(run: "Run", homes: list[Path], tmp_path: Path) -> None:
    """It is refused before anything is started."""
    (tmp_path / "notes.txt").write_text("mine")
    said = run("demo", "--output", tmp_path)
    assert (said.code, "not empty" in said.err) == (2, True)
    assert homes == []


def test_ctrl_c_leaves_nothing_behind(run: "Run", homes: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """The farm ends with its block, and its folder goes with it."""

    def interrupted(*_: object, **__: object) -> Status:
        raise KeyboardInterrupt

    monkeypatch.setattr(Farm, "wait", interrupted)
    assert run("demo").code == 130
    assert not homes[0].exists()


def test_a_demo_that_runs_already_is_not_disturbed(run: "Run", monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Its folder is not ours to remove."""

    @contextmanager
    def busy(_: Path) -> Iterator[Settings]:
        raise UsageError("A farm is already up in this home.")
        yield

    monkeypatch.setattr("farm.local.launch.local_farm", busy)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "home" / "demo").mkdir(parents=True)
    said = run("demo")
    assert (said.code, "already up" in said.err) == (2, True)
    assert (tmp_path / "home" / "demo").exists()


def test_the_demo_is_small_enough_for_a_laptop() -> None:
    """144 pictures, six step counts for the fit, whole batches of eight for each."""
    plan = Farm.plan(MANIFEST)
    counts = {entry["steps"]: entry["images"] for entry in plan.summary()}
    assert sorted(counts) == [2, 4, 8, 12, 20, 30]
    assert all(images % 8 == 0 for images in counts.values())
    assert plan.steps < 2500
