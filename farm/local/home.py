"""Where a local farm keeps its things: everything below ``FARM_HOME``."""

import json
import os
import shutil
import site
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from farm.errors import UsageError

#: The variable that every process of a local farm carries, with its home as the value.
SUPERVISED = "FARM_SUPERVISED"
#: The variables that name services elsewhere, which a local farm then uses instead of its own.
ELSEWHERE = ("FARM_REDIS_URL", "FARM_S3_URL", "FARM_S3_ENDPOINT")
#: Name of the bucket of a local farm: a folder.
BUCKET = "farm"


#: Bytes that must be free for a farm to write down that it starts.
_LEAST = 1 << 20
#: What to do where no farm can live.
ADVICE = "set FARM_HOME to a folder that can be written to, or make room"


@dataclass(frozen=True, slots=True)
class Home:
    """The folder of one local farm."""

    path: Path

    @property
    def settings_file(self) -> Path:
        """How other commands find the farm; there while it is up."""
        return self.path / "local.toml"

    @property
    def pid_file(self) -> Path:
        """Who supervises the farm and how far it is."""
        return self.path / "supervisor.json"

    @property
    def lock_file(self) -> Path:
        """Held by the supervisor as long as it lives."""
        return self.path / "supervisor.lock"

    @property
    def redis(self) -> Path:
        """Folder of Redis: its configuration and its append-only file."""
        return self.path / "redis"

    @property
    def s3(self) -> Path:
        """Folder of the S3 server: its folders are the buckets."""
        return self.path / "s3"

    @property
    def logs(self) -> Path:
        """Folder of the logs."""
        return self.path / "logs"

    def log(self, name: str) -> Path:
        """Log file of a process."""
        return self.logs / f"{name}.log"

    def create(self) -> None:
        """Make the folder, for its owner only: pictures and logs are nobody else's business."""
        if not (obstacle := self.obstacle()):
            try:
                self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            except OSError as error:
                obstacle = f"cannot be made, {error.strerror}"
        if obstacle:
            raise UsageError(f"FARM_HOME {self.path} {obstacle}: {ADVICE}.")

    def obstacle(self) -> str | None:
        """Why no farm can live here, as far as can be told without touching anything; None when one can."""
        try:
            there = next(path for path in (self.path, *self.path.parents) if path.exists())
        except OSError as error:
            return f"cannot be used, {error.strerror}"
        if not there.is_dir():
            return "is a file" if there == self.path else f"cannot be made, {there} is a file"
        if not os.access(there, os.W_OK | os.X_OK):
            return "cannot be written to" if there == self.path else f"cannot be made, {there} cannot be written to"
        return "has a full disk" if shutil.disk_usage(there).free < _LEAST else None

    def environment(self, inherited: Mapping[str, str] | None = None) -> dict[str, str]:
        """What a child of this farm is given: an environment, this process's when None, and whose child it is."""
        base = os.environ if inherited is None else inherited
        return {**base, **import_path(), "FARM_HOME": str(self.path), SUPERVISED: str(self.path)}

    def write_settings(self, values: Mapping[str, str]) -> None:
        """Write ``local.toml`` for every other command, readable by its owner only."""
        write_private(self.settings_file, "".join(f"{name} = {_quoted(value)}\n" for name, value in values.items()))


def _quoted(text: str) -> str:
    """A TOML string: a path may hold quotes and backslashes."""
    return json.dumps(text, ensure_ascii=False)


def write_private(path: Path, text: str) -> None:
    """Replace a file in one step by one that only its owner can read."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(".new")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
    draft.replace(path)


def python(*arguments: str) -> list[str]:
    """The command of a Python child: this interpreter, and never a module that happens to lie where the user works."""
    return [sys.executable, "-P", "-m", *arguments]


def import_path() -> dict[str, str]:
    """What lets a child import this very farm, when it runs from its folder without being installed."""
    root = str(Path(__file__).parents[2])
    if root in site.getsitepackages():
        return {}
    return {"PYTHONPATH": os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH"))))}
