from dataclasses import replace
from pathlib import Path

import pytest

from farm.cli.fetched import lost, redraw, said
from farm.client.fetch import Fetched
from farm.client.status import Images, Status
from farm.ledger.values import JobState

OUT = Path("out")


def fetched(state: JobState = JobState.DONE, *, failed: int = 0, images: int = 40, brought: int = 40) -> Fetched:
    """What came of a job of forty images."""
    job = Status(
        job="mugs-1", name="mugs", state=state, reason=None, images=Images(40, images, failed, 0), started_at=None,
        finished_at=None, eta_s=None, late_s=None, gpu_s=0.0, cost_usd=None,
    )  # fmt: skip
    errors = OUT / "errors.jsonl" if failed else None
    return Fetched(OUT, job, images, 12_300_000, brought, (), OUT / "contact-sheet.png", errors)


def test_a_whole_job_is_one_sentence() -> None:
    """How many, how large, where."""
    assert list(said(fetched())) == ["40 pictures (12.3 MB) in out, contact sheet contact-sheet.png."]


def test_what_was_there_is_counted() -> None:
    """After a fetch that broke off, say."""
    (sentence,) = said(replace(fetched(brought=12), sheet=None))
    assert sentence == "40 pictures (12.3 MB) in out, 28 of them from an earlier fetch."


@pytest.mark.parametrize(
    ("state", "failed", "expected"),
    [
        (JobState.RUNNING, 0, "Job mugs-1 is running, 37 of 40 images were done: run the same command again"),
        (JobState.PAUSED, 0, "Job mugs-1 is paused, 37 of 40"),
        (JobState.FAILED, 3, "3 images failed: errors.jsonl says why, `farm retry` tries again."),
        (JobState.CANCELLED, 0, "Job mugs-1 was cancelled: these are the pictures made before."),
    ],
)
def test_what_is_not_there_is_explained(state: JobState, failed: int, expected: str) -> None:
    """Not yet, failed, or never."""
    _, second = said(fetched(state, failed=failed, images=37, brought=37))
    assert second.startswith(expected)


def test_lost_pictures_are_counted_and_one_is_named() -> None:
    """A million names help nobody; `verify` lists them."""
    sentence = lost(replace(fetched(), bad=("a.png", "b.png")))
    assert sentence.startswith("Missing or damaged in the store: 2 pictures, first a.png. Draw them again:")


def test_what_to_do_follows_what_was_done() -> None:
    """One command less once the tasks are in a file."""
    assert redraw("mugs-1", None).count("`") == 4
    assert redraw("mugs-1", Path("b.jsonl")) == "Draw them again: `farm submit b.jsonl`."
