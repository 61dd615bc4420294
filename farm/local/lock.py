"""One supervisor per home: the lock it holds, and what it says of itself."""

import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import Literal

from farm.local.home import Home, write_private


@dataclass(frozen=True, slots=True)
class Notice:
    """What the supervisor of a home says of itself, for `down`, for a second `up` and for tests."""

    pid: int
    state: Literal["starting", "up", "stopping"]
    #: Name of a child -> its process id.
    children: Mapping[str, int] = field(default_factory=dict)

    def write(self, home: Home) -> None:
        """Say it."""
        write_private(home.pid_file, json.dumps(asdict(self)))

    @classmethod
    def read(cls, home: Home) -> "Notice | None":
        """What was said last, by a supervisor that may be gone."""
        try:
            return cls(**json.loads(home.pid_file.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return None


@contextmanager
def held(home: Home) -> Iterator[bool]:
    """Hold the home's lock inside the block; yields False, at once, when another process holds it."""
    descriptor = os.open(home.lock_file, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
    finally:
        os.close(descriptor)


def is_up(home: Home) -> bool:
    """Whether a supervisor lives in this home."""
    if not home.lock_file.exists():
        return False
    with held(home) as free:
        return not free
