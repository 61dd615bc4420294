"""Find the job a user means: by its id, its name, or the beginning of its id."""

from typing import TYPE_CHECKING

from farm.errors import NoSuchJobError, UsageError
from farm.store import keys

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from farm.ledger.ledger import Ledger
    from farm.store.store import Store


def find_job(word: str, *, ledger: "Ledger", store: "Callable[[], Store]") -> str:
    """The id of the one job that a word names.

    The ledger is asked first; the store, which costs a connection, only for a job that the ledger does not know.

    Raises:
        NoSuchJobError: nothing goes by that word.
        UsageError: several jobs do.
    """
    if ledger.status(word) is not None:
        return word
    jobs = ledger.jobs()
    named = [job.job_id for job in jobs if job.name == word] or [
        job.job_id for job in jobs if job.job_id.startswith(word)
    ]
    return _only(word, named) or _only(word, _stored(store(), word)) or _nothing(word)


def _only(word: str, found: "Iterable[str]") -> str | None:
    jobs = sorted(set(found))
    if len(jobs) > 1:
        raise UsageError(f"{word!r} could be {', '.join(jobs[:5])}: write more of the job's id.")
    return jobs[0] if jobs else None


def _nothing(word: str) -> str:
    raise NoSuchJobError(word)


def _stored(store: "Store", word: str) -> list[str]:
    """Jobs in the store by this id; a job is there when its plan is."""
    return [word] if "/" not in word and store.exists(keys.plan(word)) else []
