"""What a job leaves behind when it is over: results, errors and tables, in memory that does not follow its size."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from typing import TYPE_CHECKING, Any

from farm.manifest.task import RenderTask
from farm.profile.fold import Folded, Interval, fold
from farm.report.charges import totals
from farm.report.costs import costs_of
from farm.report.lines import errors, results
from farm.report.load import Measured
from farm.report.ordered import Lines
from farm.report.parts import Tables, record_names
from farm.report.slices import Slice, slices
from farm.report.tables import TABLES
from farm.store import keys
from farm.store.store import Store

if TYPE_CHECKING:
    from farm.plan.plan import Plan

#: Tasks that become lines at once.
_LINES = 2000


class StoppedError(Exception):
    """The process is to end: what was written so far stays, and the next one goes on from there."""


def finish(
    *,
    store: Store,
    plan: "Plan",
    failures: Iterable[tuple[int, str]],
    blocked: Mapping[int, str],
    stopped: Callable[[], bool] = lambda: False,
) -> dict[str, Any]:
    """Bring the tables up to date, write ``results.jsonl`` and ``errors.jsonl``; returns what ``finished.json`` holds.

    Parts of the tables that were written while the job ran, or by a process that was killed, are kept where they are
    what the records come to. Safe to run again: the same records write the same bytes.

    Args:
        store: where the records are and the files go.
        plan: the job's plan.
        failures: positions, each with the reason why it is quarantined; a picture that came after all outranks it.
        blocked: group number -> why no worker can load its pipeline; every position of it without a picture failed.
        stopped: asked between slices whether to leave the rest to another process.

    Raises:
        StoreError: the store cannot be reached, or a record is damaged.
        StoppedError: it was stopped.
    """
    measured, size, folded = _write_results(store, plan, stopped)
    failed = _write_errors(store, plan, folded, failures, blocked)
    _write_costs(store, plan, measured)
    return {
        "images": plan.images,
        "done": len(folded),
        "failed": failed,
        "bytes": size,
        "claimed_at": measured.started_at,
        "recorded_at": measured.ended_at,
        **totals(measured.attempts, steps=measured.groups.steps).model_dump(exclude={"images"}),
    }


def _write_results(store: Store, plan: "Plan", stopped: Callable[[], bool]) -> tuple[Measured, int, Folded]:
    """Bring every part up to date and make one line of each picture.

    Returns:
        What was measured, the pictures' bytes, and which positions have one; who won them is not kept any longer.
    """
    with Lines() as lines:
        measured, size, done = _read_parts(store, plan, lines, stopped)
        store.put_stream(keys.results(plan.job_id), lines.pieces(), content_type="application/jsonl")
    return measured, size, Folded(won={}, done=done)


def _read_parts(
    store: Store, plan: "Plan", lines: Lines, stopped: Callable[[], bool]
) -> tuple[Measured, int, tuple[Interval, ...]]:
    """Every part as the records are now, a slice at a time, its pictures as lines."""
    names = record_names(store, plan.job_id)
    folded = fold(names)
    pieces = slices(names, folded)
    tables, measured, size = Tables(store, plan.job_id, plan.tasks), Measured(), 0
    for piece in pieces:
        part = tables.part(piece, folded)
        measured.add(part)
        size += int(part.frames["images"]["bytes"].sum())
        for rows in part.frames["images"].iter_slices(_LINES):
            lines.add(results(rows, plan.job_id))
        if stopped():
            raise StoppedError
    _remove_others(store, plan.job_id, pieces)
    return measured, size, folded.done


def _write_costs(store: Store, plan: "Plan", measured: Measured) -> None:
    """Keep what later quotes are made of: one object of this job alone, so that jobs that end together lose nothing."""
    found = costs_of(plan, measured)
    if found is not None:
        key = keys.costs(plan.job_id, started_at=found.started_at)
        store.put(key, found.model_dump_json().encode(), content_type="application/json")


def _remove_others(store: Store, job_id: str, pieces: Iterable[Slice]) -> None:
    """Delete parts that no records belong to, as where a farm of another version cut the job in another way.

    Scores of the pictures go with them: a job that ends again, after a retry, has other pictures.
    """
    own = {keys.table(job_id, name, piece.number) for piece in pieces for name in TABLES}
    store.delete([key for key in store.list(keys.tables(job_id)) if key not in own])


def _write_errors(
    store: Store, plan: "Plan", folded: Folded, failures: Iterable[tuple[int, str]], blocked: Mapping[int, str]
) -> int:
    """One line for each task that failed; how many those are."""
    with Lines() as lines:
        failed = _failed(plan, folded, failures, blocked)
        while some := list(islice(failed, _LINES)):
            lines.add(errors(some))
        store.put_stream(keys.errors(plan.job_id), lines.pieces(), content_type="application/jsonl")
        return lines.written


def _failed(
    plan: "Plan", folded: Folded, failures: Iterable[tuple[int, str]], blocked: Mapping[int, str]
) -> Iterator[tuple[RenderTask, str]]:
    """The tasks that failed, and why; a task's own failure says more than its group's, and so it comes first."""
    for position, sentence in failures:
        if position not in folded:
            yield plan.task(position), sentence
    for group in plan.groups:
        if group.number in blocked:
            for start, stop in folded.missing(group.start, group.stop):
                for position in range(start, stop):
                    yield plan.task(position), blocked[group.number]
