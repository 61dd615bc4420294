"""One supervisor per home: the lock it holds, and what it says of itself."""

import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from farm.local.home import Home, write_private
from farm.settings import read_toml

if TYPE_CHECKING:
    from farm.settings import Settings


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


@dataclass(frozen=True, slots=True)
class Lock:
    """The lock of a home, while its file is open."""

    file: Path
    descriptor: int

    def is_ours(self) -> bool:
        """Whether the file is still the one that was opened: a home that was removed may have been made anew."""
        try:
            there, here = self.file.stat(), os.fstat(self.descriptor)
        except OSError:
            return False
        return (there.st_dev, there.st_ino) == (here.st_dev, here.st_ino)


@contextmanager
def held(home: Home) -> Iterator[Lock | None]:
    """Hold the home's lock inside the block; yields None, at once, when another process holds it."""
    descriptor = os.open(home.lock_file, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield None
        else:
            yield Lock(home.lock_file, descriptor)
    finally:
        os.close(descriptor)


def fallen(settings: "Settings") -> str | None:
    """The sentence for settings that lead to a farm of this machine whose supervisor was killed; None for any other."""
    home = Home(settings.home)
    url = settings.redis_url.get_secret_value() if settings.redis_url else None
    if url is None or read_toml(home.settings_file).get("redis_url") != url or is_up(home):
        return None
    return f"The farm in {home.path} is down: `farm up` starts it again, with its jobs and pictures."


def is_up(home: Home) -> bool:
    """Whether a supervisor lives in this home."""
    if not home.lock_file.exists():
        return False
    with held(home) as lock:
        return lock is None
