import threading
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

import pytest

from farm.cli.watch import LINE_EVERY, Lines, display
from farm.client import Farm
from farm.client.status import Images, Status
from farm.client.watch import Update
from farm.ledger.values import JobState

if TYPE_CHECKING:
    from tests.farm.cli.conftest import Run
    from tests.farm.conftest import Stage


def update(done: int, state: JobState = JobState.RUNNING, reason: str | None = None) -> Update:
    """A job of a hundred images."""
    status = Status("mugs-1", "mugs", state, reason, Images(100, done, 0, 0), 0.0, None, None, None, 0.0, None)
    return Update(status=status, workers=(), images_per_s=None, steps_per_s=None, eta_s=None)


class Clock:
    """A clock that is set by hand."""

    now = 100.0

    def __call__(self) -> float:
        """The time."""
        return self.now


def test_a_log_gets_a_line_when_something_happens(capsys: pytest.CaptureFixture[str]) -> None:
    """At once when the state changes, now and then while images are made, never twice the same."""
    clock = Clock()
    lines = Lines(clock=clock)
    for done, state, wait in (
        (0, JobState.QUEUED, 0.1),
        (0, JobState.QUEUED, LINE_EVERY),
        (5, JobState.QUEUED, 0.1),
        (6, JobState.RUNNING, 0.1),
        (9, JobState.RUNNING, LINE_EVERY),
        (12, JobState.RUNNING, 0.1),
        (100, JobState.DONE, 0.1),
    ):
        lines.show(update(done, state))
        clock.now += wait
    shown = [text.split(" images")[0] for text in capsys.readouterr().out.splitlines()]
    assert shown == [
        "mugs-1 queued: 0 of 100",
        "mugs-1 queued: 5 of 100",
        "mugs-1 running: 6 of 100",
        "mugs-1 running: 12 of 100",
        "mugs-1 done: 100 of 100",
    ]


def test_a_new_reason_is_worth_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    """A job that waits says why, as soon as that is known."""
    lines = Lines(clock=Clock())
    lines.show(update(0))
    lines.show(update(0, reason="No worker can hold this model."))
    assert "No worker can hold" in capsys.readouterr().out.splitlines()[-1]


def test_a_terminal_gets_a_live_display(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Drawn in place."""
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    with display() as show:
        show(update(42))
    assert "42 of 100" in capsys.readouterr().out


def test_watch_stays_until_the_job_is_over(here: "Stage", run: "Run") -> None:
    """The last line is the end, and the exit code is that of the job."""
    job = here.submit().job

    def finish() -> None:
        here.render(job)
        here.end(job, JobState.DONE)

    with _later(0.3, finish):
        said = run("watch", "mugs")
    assert said.code == 0
    assert said.out.splitlines()[-1].startswith(f"{job} done: 4 of 4 images (100 %)")


@pytest.mark.parametrize("state", [JobState.FAILED, JobState.CANCELLED])
def test_a_job_without_all_its_images_exits_1(here: "Stage", run: "Run", state: JobState) -> None:
    """So that a script that waits can tell."""
    job = here.submit().job
    here.end(job, state)
    assert run("watch", job).code == 1


def test_watch_without_a_job_takes_the_latest_under_way(here: "Stage", run: "Run") -> None:
    """Most people watch what they have just submitted."""
    first, second, third = (here.submit(steps=steps).job for steps in (4, 8, 12))
    here.end(third, JobState.DONE)
    with _later(0.3, lambda: here.end(second, JobState.DONE)):
        said = run("watch")
    assert second in said.out
    assert first not in said.out


def test_watch_without_any_job_says_so(here: "Stage", run: "Run") -> None:
    """There is nothing to wait for."""
    assert here.ledger.jobs() == []
    said = run("watch")
    assert (said.code, "No job is under way" in said.out) == (0, True)


def test_ctrl_c_leaves_the_job_running(here: "Stage", run: "Run", monkeypatch: pytest.MonkeyPatch) -> None:
    """The sentence says so, and how to come back."""
    job = here.submit().job
    monkeypatch.setattr(Farm, "wait", _interrupt)
    said = run("watch", job)
    assert said.code == 130
    assert f"The job goes on: `farm watch {job}` shows it again." in said.err
    assert here.farm.status(job).state is JobState.QUEUED


def _interrupt(*_: object, **__: object) -> None:
    raise KeyboardInterrupt


class _later(AbstractContextManager[None]):  # noqa: N801 reads as a word
    """Does something in another thread after a while."""

    def __init__(self, seconds: float, what: Any) -> None:
        self._timer = threading.Timer(seconds, what)

    def __enter__(self) -> None:
        self._timer.start()

    def __exit__(self, *_: object) -> None:
        self._timer.join()
