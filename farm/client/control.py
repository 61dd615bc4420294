"""What a user tells a job that exists: written to the store first, so that the ledger can be rebuilt."""

import json
import time
from collections.abc import Mapping
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from farm.errors import UsageError
from farm.ledger.values import JobState
from farm.store import keys

if TYPE_CHECKING:
    from farm.client.status import Status
    from farm.ledger.ledger import Ledger
    from farm.store.store import Store


class Verb(StrEnum):
    """What can be told to a job; part of the control object's key."""

    PAUSE = "pause"  #: dispatch nothing new
    RESUME = "resume"  #: go on
    CANCEL = "cancel"  #: over; workers stop within a step
    RETRY = "retry"  #: what failed is tried again
    SET = "set"  #: change a field of ``run``


def next_number(store: "Store", ledger: "Ledger", job_id: str) -> int:
    """The number of a job's next control object: greater than all in the store, and nobody else's."""
    numbers = (found[0] for key in store.list(keys.controls(job_id)) if (found := keys.parse_control(key)))
    return ledger.control_number(job_id, greatest=max(numbers, default=0))


def append(  # noqa: PLR0913 by name
    store: "Store", job_id: str, verb: Verb, values: Mapping[str, Any], *, number: int, clock: float | None = None
) -> str:
    """Append one control object to the job, under `next_number`; its key."""
    key = keys.control(job_id, number, verb)
    document = {"what": str(verb), "at": time.time() if clock is None else clock, **values}
    store.put(key, json.dumps(document).encode(), content_type="application/json")
    return key


def tell(
    store: "Store", ledger: "Ledger", status: "Status", verb: Verb, values: Mapping[str, Any] | None = None
) -> int:
    """Tell a job something: the store first, then the ledger.

    Args:
        store: where the control object is appended.
        ledger: what hears of it second.
        status: the job as it is now.
        verb: what it is told.
        values: for `Verb.SET`, the fields of ``run`` to change.

    Returns:
        How many images go back to work, for `Verb.RETRY`; else 0.

    Raises:
        UsageError: the job is over, or nothing in it failed.
    """
    refusal = None if values and set(values) <= set(LASTING) else _refusal(status, verb)
    if refusal:
        raise UsageError(refusal)
    append(store, status.job, verb, values or {}, number=next_number(store, ledger, status.job))
    if verb is Verb.RETRY:
        store.delete([keys.finished(status.job)])
        return ledger.retry(status.job)
    changes: dict[Verb, dict[str, Any]] = {
        Verb.PAUSE: {"state": JobState.PAUSED, "reason": "Paused by its user: `farm resume JOB` goes on."},
        Verb.RESUME: {"state": JobState.RUNNING, "reason": None},
        Verb.CANCEL: {"state": JobState.CANCELLED, "reason": "Cancelled by its user."},
        Verb.SET: dict(values or {}),
    }
    ledger.set_control(status.job, **changes[verb])
    return 0


def _refusal(status: "Status", verb: Verb) -> str | None:
    """The sentence that says why the job cannot be told this, or None."""
    if verb is Verb.RETRY:
        if status.state is JobState.CANCELLED:
            return f"Job {status.job} was cancelled: `farm submit --again` makes a new one of it."
        return None if status.images.failed else f"Nothing failed in job {status.job}: there is nothing to retry."
    return f"Job {status.job} is over ({status.state}): it cannot be told to {verb}." if status.state.over else None


#: Field of ``run`` that may change while a job runs -> the least and the greatest value.
CHANGEABLE = {"priority": (0, 100), "max_attempts": (1, 100), "keep_days": (1, 36_500)}
#: What of them has a meaning after a job's end too, and what may be told to have no value.
LASTING = ("keep_days",)
NO_VALUE = "none"


def read_setting(text: str) -> dict[str, int | None]:
    """``run.priority=80`` as the ledger takes it; raises `UsageError`."""
    field, equals, value = text.partition("=")
    name, word = field.strip().removeprefix("run."), value.strip()
    known = ", ".join(f"run.{key}" for key in CHANGEABLE)
    if not equals:
        raise UsageError(f"{text!r} is no setting: write KEY=VALUE; the keys are {known}.")
    if name not in CHANGEABLE:
        raise UsageError(f"{field.strip()!r} cannot change while a job runs; what can is {known}.")
    if name in LASTING and word == NO_VALUE:
        return {name: None}
    least, greatest = CHANGEABLE[name]
    if not word.isdecimal() or len(word) > len(str(greatest)) or not least <= int(word) <= greatest:
        also = f" or {NO_VALUE}" if name in LASTING else ""
        raise UsageError(f"run.{name} must be a whole number from {least} to {greatest}{also}, and {word!r} is not.")
    return {name: int(word)}
