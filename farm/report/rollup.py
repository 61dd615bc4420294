"""What a job leaves behind when it is over: results, errors and tables, from the records alone."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from farm.manifest.task import RenderTask
from farm.profile.fold import Folded, fold
from farm.profile.record import BatchRecord, ImageRecord, Record
from farm.report.charges import totals
from farm.report.lines import error, result, to_jsonl
from farm.report.load import Attempt, JobData, read_attempts, record_names
from farm.report.tables import ATTEMPTS, IMAGES, attempt_row, image_row, to_parquet
from farm.store import keys
from farm.store.store import Store

if TYPE_CHECKING:
    from farm.plan.plan import Plan


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture that counts, with all that was measured of it."""

    task: RenderTask
    record: Record
    batch: BatchRecord
    image: ImageRecord


def finish(*, store: Store, plan: "Plan", failures: Mapping[int, str], blocked: Mapping[int, str]) -> dict[str, Any]:
    """Write ``results.jsonl``, ``errors.jsonl`` and the tables; returns the totals that ``finished.json`` holds.

    Safe to run again: the same records write the same bytes.

    Args:
        store: where the records are and the files go.
        plan: the job's plan.
        failures: position -> why it is quarantined; a picture that came after all outranks it.
        blocked: group number -> why no worker can load its pipeline; every position of it without a picture failed.

    Raises:
        StoreError: the store cannot be reached.
    """
    names = record_names(store, plan.job_id)
    folded = fold(names)
    attempts = tuple(read_attempts(store, names))
    pictures = sorted(_pictures(plan, folded, attempts), key=lambda picture: picture.task.index)
    failed = _failed(plan, folded, failures, blocked)
    _write_lines(store, plan, pictures, failed)
    _write_tables(store, plan.job_id, pictures, attempts, folded)
    data = JobData(job_id=plan.job_id, attempts=attempts, folded=folded, sessions=(), over=True)
    return {
        "images": plan.images,
        "done": len(pictures),
        "failed": len(failed),
        "bytes": sum(picture.image.bytes for picture in pictures),
        "claimed_at": data.started_at,
        "recorded_at": data.ended_at,
        **totals(data).model_dump(exclude={"images"}),
    }


def _pictures(plan: "Plan", folded: Folded, attempts: Iterable[Attempt]) -> Iterator[Picture]:
    """Every picture that counts, with the batch it was rendered in."""
    for one in attempts:
        won = folded.won.get(one.name, ())
        for image in one.record.images:
            if any(start <= image.position < stop for start, stop in won):
                batch = next(batch for batch in one.record.batches if batch.start <= image.position < batch.stop)
                yield Picture(plan.task(image.position), one.record, batch, image)


def _failed(
    plan: "Plan", folded: Folded, failures: Mapping[int, str], blocked: Mapping[int, str]
) -> dict[int, tuple[RenderTask, str]]:
    """Index -> the task that failed, and why; a task's own failure says more than its group's."""
    sentences = {
        position: blocked[group.number]
        for group in plan.groups
        if group.number in blocked
        for start, stop in folded.missing(group.start, group.stop)
        for position in range(start, stop)
    }
    sentences |= {position: text for position, text in failures.items() if position not in folded}
    tasks = ((plan.task(position), text) for position, text in sentences.items())
    return {task.index: (task, text) for task, text in tasks}


def _write_lines(
    store: Store, plan: "Plan", pictures: Iterable[Picture], failed: Mapping[int, tuple[RenderTask, str]]
) -> None:
    """One line per task that ended, finished ones and failed ones apart."""
    results = {one.task.index: result(one.task, one.record, one.batch, one.image) for one in pictures}
    errors = {index: error(task, text) for index, (task, text) in failed.items()}
    store.put(keys.results(plan.job_id), to_jsonl(results), content_type="application/jsonl")
    store.put(keys.errors(plan.job_id), to_jsonl(errors), content_type="application/jsonl")


def _write_tables(
    store: Store, job_id: str, pictures: Iterable[Picture], attempts: Iterable[Attempt], folded: Folded
) -> None:
    """The pictures in the user's order, the attempts in the order of their positions."""
    images = (image_row(one.task, one.record, one.batch, one.image) for one in pictures)
    tried = (attempt_row(one.record, won=folded.useful(one.name)) for one in attempts)
    kind = "application/vnd.apache.parquet"
    store.put(keys.table(job_id, "images", 0), to_parquet(IMAGES, images), content_type=kind)
    store.put(keys.table(job_id, "attempts", 0), to_parquet(ATTEMPTS, tried), content_type=kind)
