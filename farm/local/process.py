"""One child process: started in a session of its own, tied to its parent's life, its output in a file."""

import contextlib
import os
import random
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from farm.local import tether

#: Below the ports that the kernel lends to outgoing connections, so that no client of a service that is being started
#: again can take its port meanwhile.
_PORTS = range(20_000, 32_000)


def free_port() -> int:
    """A port on loopback that nobody listens on now."""
    for port in random.sample(_PORTS, 200):
        with contextlib.suppress(OSError), socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
            return port
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


class Process:
    """A running child. Start it from the main thread: the kernel ties it to that thread.

    Args:
        command: program and arguments; no secrets, everybody on the machine can read them.
        environment: the whole environment of the child.
        log: file its output is added to.
        on_parent_death: what the kernel sends it when this process is gone; None leaves it alone.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        environment: Mapping[str, str],
        log: Path,
        on_parent_death: signal.Signals | None = signal.SIGKILL,
    ) -> None:
        self.command, self.log = tuple(command), log
        log.parent.mkdir(parents=True, exist_ok=True)
        tied = [sys.executable, "-I", "-S", tether.__file__, str(os.getpid()), str(int(on_parent_death or 0)), *command]
        with log.open("ab") as output:
            self._said_before = output.tell()
            self._popen = subprocess.Popen(
                tied,
                env=dict(environment),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """Process id; also the id of its group and session."""
        return self._popen.pid

    @property
    def ended(self) -> int | None:
        """None while it runs, else its exit code, negative for the signal that ended it."""
        return self._popen.poll()

    def last_words(self) -> str:
        """The last line it wrote, empty when it wrote none."""
        try:
            file = self.log.open("rb")
        except OSError:  # the home was removed under it
            return ""
        with file:
            size = os.fstat(file.fileno()).st_size
            begin = self._said_before if self._said_before <= size else 0  # the log was cut meanwhile
            file.seek(max(begin, size - 4096))
            lines = file.read().decode(errors="replace").split("\n")
        return next((line.strip() for line in reversed(lines) if line.strip()), "")

    def terminate(self) -> None:
        """Ask it to end; its children are its own business."""
        if self.ended is None:
            self._popen.terminate()

    def wait(self, timeout: float) -> bool:
        """Wait up to so many seconds for it to end; whether it did."""
        try:
            self._popen.wait(timeout)
        except subprocess.TimeoutExpired:
            return False
        return True

    def kill(self) -> None:
        """End it and whatever is left of its group, at once."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)
        self._popen.wait()

    def release(self) -> None:
        """Forget it: from now on its life is its own."""
        self._popen.returncode = 0

    def stop(self, timeout: float) -> None:
        """Ask it to end, wait so many seconds, then end it and its group."""
        self.terminate()
        self.wait(timeout)
        self.kill()
