"""What a job was told since it was submitted, read from its control objects in the store."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from farm.errors import DamagedError
from farm.ledger.values import JobState
from farm.store import keys
from farm.store.store import Store

#: Verb of the coordinator's own control objects: tasks that were given up, so that a rebuild does not try them again.
QUARANTINE = "quarantine"
_STATES = {"pause": JobState.PAUSED, "resume": JobState.RUNNING, "cancel": JobState.CANCELLED}
_REASONS = {
    JobState.PAUSED: "Paused by its user: `farm resume JOB` goes on.",
    JobState.CANCELLED: "Cancelled by its user.",
}
_SETTINGS = ("priority", "max_attempts", "keep_days")


@dataclass(slots=True)
class Controls:
    """What all control objects of a job come to."""

    state: JobState | None = None
    settings: dict[str, float | None] = field(default_factory=dict)
    #: Tasks that were given up since the last retry, each with its sentence.
    failed: dict[int, str] = field(default_factory=dict)
    #: When the first of them was written.
    first_at: float | None = None
    #: The highest number so far.
    number: int = 0

    @property
    def reason(self) -> str | None:
        """Why the job is in that state."""
        return _REASONS.get(self.state) if self.state else None

    def apply(self, what: str, body: Mapping[str, Any]) -> None:
        """Take one control object into account, in the order of their numbers."""
        self.first_at = self.first_at or body.get("at")
        if what in _STATES:
            self.state = _STATES[what]
        elif what == "set":
            self.settings |= {name: body[name] for name in _SETTINGS if name in body}
        elif what == "retry":
            self.failed.clear()
        elif what == QUARANTINE:
            self.failed |= {int(position): sentence for position, sentence in body["positions"].items()}


def replay(store: Store, job_id: str) -> Controls:
    """Read a job's control objects, in the order of their numbers; raises `DamagedError`."""
    found = Controls()
    named = [(parsed, key) for key in store.list(keys.controls(job_id)) if (parsed := keys.parse_control(key))]
    for (number, what), key in sorted(named):
        data = store.get(key)
        try:
            found.apply(what, json.loads(data))
        except (ValueError, KeyError, TypeError, AttributeError):
            raise DamagedError(f"The control object {key} is damaged: put it back, or delete it.") from None
        found.number = number
    return found


def append_quarantine(store: Store, job_id: str, positions: Mapping[int, str], *, number: int, at: float) -> None:
    """Append the tasks that were given up since the last time, under the job's next number."""
    document = {"what": QUARANTINE, "at": at, "positions": {str(place): text for place, text in positions.items()}}
    key = keys.control(job_id, number, QUARANTINE)
    store.put(key, json.dumps(document).encode(), content_type="application/json")
