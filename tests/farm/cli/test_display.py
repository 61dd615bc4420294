import io
from dataclasses import replace
from typing import Any

import pytest

from farm.cli.display import NO_WORKER, doing, late, line, panel, speed
from farm.client.status import Images, Status
from farm.client.watch import Update
from farm.ledger.values import JobState, WorkerStatus


def worker(**changes: Any) -> WorkerStatus:
    """A worker in the middle of a range."""
    values: dict[str, Any] = {
        "id": "box-1",
        "host": "box",
        "device": "cuda:0",
        "gpu": "NVIDIA L4",
        "vram_gb": 22.0,
        "price_per_hour": None,
        "queue": "q",
        "loaded": ("q",),
        "doing": "rendering",
        "job_id": "mugs-1",
        "step": 7,
        "steps": 20,
        "images_done": 64,
        "started_at": 0.0,
        "seen_at": 1.0,
    }
    return WorkerStatus(**(values | changes))


def update(*workers: WorkerStatus, state: JobState = JobState.RUNNING, **changes: Any) -> Update:
    """A job a quarter done."""
    values: dict[str, Any] = {"images_per_s": 2.5, "steps_per_s": 50.0, "eta_s": 90.0} | changes
    reason, cost = values.pop("reason", None), values.pop("cost", None)
    images = values.pop("images", Images(400, 90, 10, 32))
    status = Status("mugs-1", "mugs", state, reason, images, 0.0, None, None, None, 36.0, cost)
    return Update(status=status, workers=workers, **values)


def shown(of: Update) -> str:
    """The display as text, on a terminal of eighty columns."""
    from rich.console import Console

    out = io.StringIO()
    Console(width=80, file=out, force_terminal=False).print(panel(of))
    return out.getvalue()


def test_everything_that_matters_is_on_the_display() -> None:
    """Counts, speed, time left, cost so far, and every worker with its live step."""
    text = shown(update(worker(), worker(id="box-2", doing="loading", step=0, steps=0), cost=0.125))
    for words in (
        "mugs-1  running", "90 of 400, 10 failed  22 %", "2.50 images/s", "50.0 steps/s", "1 min 30 s left",
        "36.0 s GPU", "cost 0.1250 USD", "box-1", "NVIDIA L4", "rendering, step 7 of 20", "box-2", "loading", "64",
    ):  # fmt: skip
        assert words in text


def test_a_price_is_never_invented() -> None:
    """Without one there is no word about cost."""
    assert "cost" not in shown(update(worker()))


@pytest.mark.parametrize("show", [shown, line])
def test_no_worker_is_said_and_what_to_do(show: Any) -> None:
    """Otherwise a job that waits looks like one that hangs."""
    text = " ".join(show(update()).split())
    assert NO_WORKER in text


@pytest.mark.parametrize("show", [shown, line])
def test_a_reason_is_said(show: Any) -> None:
    """Why a job is paused, failed or waiting."""
    assert "Paused by its user" in show(update(worker(), state=JobState.PAUSED, reason="Paused by its user."))


def test_the_end_shows_no_workers_and_no_time_left() -> None:
    """They belong to other jobs by then."""
    text = shown(update(worker(), state=JobState.DONE, images=Images(400, 400, 0, 0)))
    assert "400 of 400  100 %" in text
    assert "box-1" not in text
    assert "left" not in text


def test_a_job_whose_images_are_all_there_is_not_over_yet() -> None:
    """Its results and tables are being written, and no time left is claimed."""
    text = shown(update(worker(), images=Images(400, 399, 1, 0), eta_s=0.0))
    assert "writing the results" in text
    assert "left" not in text


def test_before_the_first_image_the_display_says_so() -> None:
    """No rate of zero, no time left of infinity."""
    text = shown(update(worker(), images_per_s=None, steps_per_s=None, eta_s=None))
    assert "images/s" not in text


def test_one_line_for_a_log() -> None:
    """The same in words."""
    assert line(update(worker(), worker(id="box-2", doing="idle"))) == (
        "mugs-1 running: 90 of 400 images (22 %), 10 failed, 2.50 images/s, 50.0 steps/s, 1 min 30 s left,"
        " 36.0 s GPU time, 1 of 2 workers busy"
    )


def test_what_a_job_waits_for_is_said_once() -> None:
    """Its reason names the lack of workers already, or something worse; a worker that waits is not busy."""
    alone = update(reason="No worker is running: start one.", eta_s=None)
    for text in (line(alone), shown(alone)):
        assert "No worker is running" in text
        assert NO_WORKER[:20] not in text
    assert NO_WORKER in line(update())
    assert "0 of 1 workers busy, The disk is full." in line(update(worker(doing="waiting"), reason="The disk is full."))


def test_markup_in_a_reason_is_only_text() -> None:
    """A reason may hold brackets, such as a path or a range."""
    assert "[bold]x[/" in shown(update(worker(), reason="mugs[bold]x[/bold]"))


def test_an_idle_worker_has_no_step() -> None:
    """Step 0 of 0 says nothing."""
    assert doing(worker(doing="idle", step=0, steps=0)) == "idle"
    assert doing(worker()) == "rendering, step 7 of 20"


def test_speed_is_empty_when_nothing_is_known() -> None:
    """And then the display waits for the first image."""
    nothing = update(images_per_s=None, steps_per_s=None, eta_s=None)
    assert speed(nothing) == "36.0 s GPU time"


def test_a_job_that_will_be_late_says_by_how_much() -> None:
    """Before it is over as a warning, afterwards as a fact; nothing where the deadline is met or there is none."""
    running = Status(
        "mugs", "mugs", JobState.RUNNING, None, Images(4, 2, 0, 1), 1.0, None, 60.0, 90.0, 1.0, None
    )  # fmt: skip
    assert late(running) == "will be 1 min 30 s late"
    assert late(replace(running, state=JobState.DONE)) == "1 min 30 s late"
    assert [late(replace(running, late_s=each)) for each in (0.0, None)] == ["", ""]
