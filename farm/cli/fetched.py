"""What ``fetch`` and ``verify`` have to say: sentences, pure, from what came of them."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from farm.cli.output import count, size
from farm.ledger.values import JobState

if TYPE_CHECKING:
    from farm.client.fetch import Fetched


def said(fetched: "Fetched") -> Iterator[str]:
    """What is in the folder, and what is not there yet and why."""
    there = fetched.images - fetched.brought
    kept = f", {there} of them from an earlier fetch" if there else ""
    sheet = f", contact sheet {fetched.sheet.name}" if fetched.sheet else ""
    yield f"{count(fetched.images, 'picture')} ({size(fetched.bytes)}) in {fetched.folder}{kept}{sheet}."
    job = fetched.job
    if not job.state.over:
        yield (
            f"Job {job.job} is {job.state}, {job.images.done} of {job.images.total} images were done: run the same"
            " command again for the rest; results.jsonl comes at its end."
        )
    elif fetched.errors is not None:
        yield f"{count(job.images.failed, 'image')} failed: {fetched.errors.name} says why, `farm retry` tries again."
    if job.state is JobState.CANCELLED:
        yield f"Job {job.job} was cancelled: these are the pictures made before."


def lost(fetched: "Fetched") -> str:
    """Which pictures could not be brought."""
    number, first = len(fetched.bad), fetched.bad[0]
    return (
        f"Missing or damaged in the store: {count(number, 'picture')}, first {first}. {redraw(fetched.job.job, None)}"
    )


def redraw(job: str, errors: Path | None) -> str:
    """What to do about pictures that are not what was rendered."""
    if errors is not None:
        return f"Draw them again: `farm submit {errors}`."
    return f"Draw them again: `farm verify {job} --errors bad.jsonl`, then `farm submit bad.jsonl`."
