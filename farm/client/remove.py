"""Which job is to be removed, and whether it may be."""

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from farm.client.lookup import find_job, status_of
from farm.errors import DamagedError, NoSuchJobError, UsageError
from farm.ledger.values import JobState
from farm.store import keys

if TYPE_CHECKING:
    from farm.client.connection import Connection

#: Seconds to wait for the workers of a job that was just cancelled, and between two looks.
PATIENCE, LOOK = 30.0, 0.2


def find(word: str, connection: "Connection") -> str:
    """The job that goes by a word, or what a removal that broke off has left of one; raises `NoSuchJobError`."""
    try:
        return find_job(word, connection)
    except NoSuchJobError:
        begun = [name for name in connection.store.folders(keys.JOBS) if word and name.startswith(word)]
        found = [word] if word in begun else begun
        if len(found) == 1:
            return found[0]
        raise


def check(job_id: str, connection: "Connection", *, sleep: Callable[[float], object] = time.sleep) -> None:
    """Raise `UsageError` unless nothing works on a job any more; a job that was just cancelled is waited for."""
    try:
        status = status_of(job_id, connection)
    except (NoSuchJobError, DamagedError):
        return
    if not status.state.over:
        raise UsageError(f"Job {job_id} is {status.state}: `farm cancel {job_id}` first, then remove it.")
    waited = 0.0
    while job_id in connection.ledger.active():
        if status.state is not JobState.CANCELLED or waited >= PATIENCE:
            raise UsageError(f"Job {job_id} is {status.state}, and its end is still being written: try again soon.")
        sleep(LOOK)
        waited += LOOK
