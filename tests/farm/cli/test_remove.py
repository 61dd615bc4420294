import io
import sys
from typing import TYPE_CHECKING

import pytest

from farm.ledger.values import JobState
from farm.store import keys

if TYPE_CHECKING:
    from tests.farm.cli.conftest import Run
    from tests.farm.conftest import Stage


@pytest.fixture
def job(here: "Stage") -> str:
    """A job that is over."""
    found = here.submit().job
    here.render(found)
    here.end(found, JobState.DONE)
    return found


class Terminal(io.StringIO):
    """A stdin with a person at it."""

    def isatty(self) -> bool:
        """It is one."""
        return True


def test_rm_removes_a_job(here: "Stage", run: "Run", job: str) -> None:
    """By its name, without a question where none is wanted; afterwards nobody knows it."""
    said = run("rm", "mugs", "--yes")
    assert (said.code, said.out) == (0, f"Job {job} is removed: 10 objects deleted.\n")
    assert run("status", "mugs").code == 4
    assert run("rm", "mugs", "--yes").code == 4
    assert list(here.store.list("jobs/")) == []


def test_where_nobody_can_be_asked_nothing_is_removed(here: "Stage", run: "Run", job: str) -> None:
    """A script must say that it means it."""
    said = run("rm", job)
    assert (said.code, said.out) == (2, "")
    assert "add --yes" in said.err
    assert here.store.exists(keys.plan(job))


@pytest.mark.parametrize("answer", ["y", "n", ""])
def test_a_person_is_asked(run: "Run", job: str, monkeypatch: pytest.MonkeyPatch, answer: str) -> None:
    """No is the answer unless yes is."""
    monkeypatch.setattr(sys, "stdin", Terminal(f"{answer}\n"))
    said = run("rm", job)
    assert f"Remove job {job} with all its pictures, for good? [y/N]" in said.out
    assert (said.code, "Nothing was removed." in said.out) == ((0, False) if answer == "y" else (1, True))
    assert run("status", job).code == (4 if answer == "y" else 0)


def test_a_job_under_way_is_refused(here: "Stage", run: "Run") -> None:
    """With the word that ends it; --yes is no such word."""
    job = here.submit("cups").job
    here.render(job, 1)
    said = run("rm", job, "--yes")
    assert (said.code, said.err) == (2, f"farm: Job {job} is running: `farm cancel {job}` first, then remove it.\n")


def test_ctrl_c_says_how_to_go_on(run: "Run", job: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same command removes the rest."""

    def interrupted(*_: object, **__: object) -> None:
        """Somebody pressed it."""
        raise KeyboardInterrupt

    monkeypatch.setattr("farm.client.erase.erase", interrupted)
    said = run("rm", job, "--yes")
    assert (said.code, said.err) == (130, "Interrupted: run the same command again to remove the rest.\n")
