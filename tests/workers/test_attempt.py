from concurrent.futures import Future
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from farm.ledger.values import Lease, Signal
from farm.plan.ranges import WorkRange
from farm.profile.outcome import Outcome, Token
from farm.profile.record import BatchRecord, ImageRecord, WorkerInfo
from workers.attempt import Attempt, Busy, Part, parts, record
from workers.batch import Failure
from workers.lease import Held


def image(position: int) -> ImageRecord:
    """A picture in the store."""
    return ImageRecord(
        position=position, index=position, task_id="t", custom_id=None, name=f"{position}.png", seed=1, sha256="0",
        bytes=9, width=8, height=8, batch_position=0, encode_s=0.1, upload_s=0.2,
    )  # fmt: skip


def batch(start: int, stop: int) -> BatchRecord:
    """A call of one second."""
    return BatchRecord(
        start=start, stop=stop, batch_size=stop - start, dtype="float32", model="m", revision=None, width=8, height=8,
        steps=1, effective_steps=1, denoiser_calls=1, scheduler="default", guidance_scale=None, started_at=0.0,
        encode_prompt_s=0.0, step_s=[1.0], denoise_s=1.0, decode_s=0.0, post_s=0.0,
    )  # fmt: skip


@pytest.fixture
def attempt() -> Attempt:
    """An attempt at eight images, two calls of two seconds."""
    held = Held(Lease(WorkRange("job", 0, 8), Token("1x0", 7), 30.0, 100.0, 101.0), 0.0, lambda: 0.0)
    made = Attempt(held=held, plan=None, tasks=(), started_at=102.0)  # type: ignore[arg-type]  # no plan is looked at
    made.load_s = 3.0
    made.busy = [Busy(0, 4, 2.0), Busy(4, 8, 2.0)]
    made.batches = [batch(0, 4), batch(4, 8)]
    return made


def test_a_range_is_cut_by_outcome() -> None:
    """Rendered, one failure of its own, and what was not done."""
    failures = [Failure(2, 3, "RenderError", "bad"), Failure(3, 5, "ValueError", "worse")]
    found = parts(0, 8, images=[0, 1, 5], failures=failures, rest=Outcome.RETURNED)
    assert [(part.start, part.stop, part.outcome) for part in found] == [
        (0, 2, Outcome.RENDERED),
        (2, 3, Outcome.FAILED),
        (3, 5, Outcome.FAILED),
        (5, 6, Outcome.RENDERED),
        (6, 8, Outcome.RETURNED),
    ]
    assert found[1].error is not None
    assert found[1].error.message == "bad"


@given(st.sets(st.integers(10, 29)), st.lists(st.tuples(st.integers(10, 28), st.integers(1, 4)), max_size=5))
def test_parts_cover_the_range_exactly(images: set[int], failed: list[tuple[int, int]]) -> None:
    """Every position has one outcome, and no picture is reported as a failure."""
    failures = [Failure(start, min(start + length, 30), "E", "m") for start, length in failed]
    found = parts(10, 30, images=sorted(images), failures=failures, rest=Outcome.CANCELLED)
    assert [position for part in found for position in range(part.start, part.stop)] == list(range(10, 30))
    rendered = {p for part in found if part.outcome is Outcome.RENDERED for p in range(part.start, part.stop)}
    assert rendered == images


def test_the_seconds_of_an_attempt_are_shared_out(attempt: Attempt, worker: WorkerInfo) -> None:
    """Each part is charged its images' share, the first one the load as well; nothing is lost."""
    found = [Part(0, 6, Outcome.RENDERED), Part(6, 8, Outcome.RETURNED)]
    images = {position: image(position) for position in range(6)}
    first, second = (
        record(attempt, part, images=images, worker=worker, first=part is found[0], now=110.0) for part in found
    )
    assert (first.load_s, first.busy_s) == (3.0, 6.0)
    assert (second.load_s, second.busy_s) == (0.0, 1.0)
    assert [one.position for one in first.images] == list(range(6))
    assert second.images == []
    assert (first.epoch, first.counter, first.queued_at, first.claimed_at) == ("1x0", 7, 100.0, 101.0)
    assert (first.started_at, first.finished_at) == (102.0, 110.0)


def test_a_call_that_reaches_into_two_parts_is_in_both(attempt: Attempt, worker: WorkerInfo) -> None:
    """Cut to the part, with the size and the seconds of the whole."""
    made: Any = record(attempt, Part(3, 6, Outcome.FAILED), images={}, worker=worker, first=False, now=0.0)
    assert [(one.start, one.stop, one.batch_size, one.denoise_s) for one in made.batches] == [
        (3, 4, 4, 1.0),
        (4, 6, 4, 1.0),
    ]


def test_uploads_are_pictures_failures_or_nothing(attempt: Attempt) -> None:
    """What could not be stored while the lease lived is neither."""
    attempt.failures.append(Failure(7, 8, "RenderError", "bad"))
    results: list[ImageRecord | Failure | None] = [image(0), Failure(1, 2, "OSError", "no space"), None]
    for position, result in enumerate(results):
        upload: Future[ImageRecord | Failure | None] = Future()
        upload.set_result(result)
        attempt.uploads[position] = upload
    images, failures = attempt.results()
    assert set(images) == {0}
    assert [failure.start for failure in failures] == [7, 1]


@pytest.mark.parametrize(
    ("signal", "outcome"),
    [(None, Outcome.RETURNED), (Signal.DRAIN, Outcome.RETURNED), (Signal.CANCEL, Outcome.CANCELLED),
     (Signal.LOST, Outcome.CANCELLED)],
)  # fmt: skip
def test_what_was_not_done_says_why(attempt: Attempt, signal: Signal | None, outcome: Outcome) -> None:
    """Drained work goes back; cancelled and lost work is nobody's any more."""
    attempt.stopped = signal
    assert attempt.rest() is outcome
