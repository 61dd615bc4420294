"""Find the job a user means, and what is known of it."""

from collections.abc import Iterable
from contextlib import suppress
from typing import TYPE_CHECKING

from farm.client.status import NOT_LED, Status
from farm.client.submit import read_finished, read_plan
from farm.errors import DamagedError, NoSuchJobError, NotInStoreError, UsageError
from farm.store import keys

if TYPE_CHECKING:
    from farm.client.connection import Connection
    from farm.ledger.ledger import Ledger
    from farm.store.store import Store


def find_job(word: str, connection: "Connection") -> str:
    """The id of the one job that goes by a word: its id, its name, or the beginning of its id.

    The ledger is asked first; the store, which costs a connection, only for a job that the ledger does not know.

    Raises:
        NoSuchJobError: no job goes by that word.
        UsageError: several jobs do.
    """
    if not word:
        raise NoSuchJobError(word)
    if connection.ledger.status(word) is not None:
        return word
    jobs = connection.ledger.jobs()
    named = [job.job_id for job in jobs if job.name == word]
    begun = [job.job_id for job in jobs if job.job_id.startswith(word)]
    found = _only(word, named or begun) or _only(word, _stored(connection.store, word))
    if found is None:
        raise NoSuchJobError(word)
    return found


def _only(word: str, found: Iterable[str]) -> str | None:
    jobs = sorted(found)
    if len(jobs) > 1:
        raise UsageError(f"{word!r} could be {', '.join(jobs[:5])}: write more of the job's id.")
    return jobs[0] if jobs else None


def _stored(store: "Store", word: str) -> list[str]:
    """Jobs in the store whose id begins with a word, or only the one that is it."""
    begun = [name for name in store.folders(keys.JOBS) if name.startswith(word)]
    chosen = [word] if word in begun else begun
    return [name for name in chosen if store.exists(keys.plan(name))]


def status_of(job_id: str, connection: "Connection") -> Status:
    """One job now: from the ledger, else as it ended, else as it was planned."""
    known = connection.ledger.status(job_id)
    if known is not None:
        ledger = connection.ledger
        return Status.from_ledger(known, now=ledger.now(), hindrance=_hindrance(ledger))
    try:
        plan = read_plan(connection.store, job_id)
    except NotInStoreError:
        raise NoSuchJobError(job_id) from None
    finished = read_finished(connection.store, job_id)
    return Status.from_plan(plan) if finished is None else Status.from_finished(plan, finished)


def _hindrance(ledger: "Ledger") -> str | None:
    """Why nothing goes on: a Redis that takes nothing keeps no leader either."""
    return None if ledger.leader() else ledger.refusal() or NOT_LED


def all_jobs(connection: "Connection") -> list[Status]:
    """Every job, the latest first; what only the store knows comes last, until a coordinator has read it again."""
    ledger = connection.ledger
    now, hindrance = ledger.now(), _hindrance(ledger)
    known = sorted(ledger.jobs(), key=lambda job: job.submitted_at, reverse=True)
    found = [Status.from_ledger(job, now=now, hindrance=hindrance) for job in known]
    if ledger.discovered():
        return found
    store, there = connection.store, {job.job for job in found}
    lost = [name for name in store.folders(keys.JOBS) if name not in there and store.exists(keys.plan(name))]
    for name in lost:
        with suppress(DamagedError):  # a coordinator passes it over too, and logs why
            found.append(status_of(name, connection))
    return found
