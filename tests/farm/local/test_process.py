import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from farm.local.process import Process, free_port

#: Ignores SIGTERM, and says when it does.
STUBBORN = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('ready', flush=True); time.sleep(99)"
)


class Starter:
    """Starts Python children that end with the test."""

    def __init__(self, log: Path) -> None:
        self.log = log
        self.processes: list[Process] = []

    def __call__(self, code: str, **environment: str) -> Process:
        """Start one that runs this code."""
        command = [sys.executable, "-c", code]
        self.processes.append(Process(command, environment={**os.environ, **environment}, log=self.log))
        return self.processes[-1]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Starter]:
    """Start children that end with the test."""
    starter = Starter(tmp_path / "logs" / "child.log")
    yield starter
    for process in starter.processes:
        process.kill()


def wait_for_words(process: Process, words: str) -> None:
    """Wait until the last line a process wrote is this."""
    deadline = time.monotonic() + 10
    while process.last_words() != words:
        assert time.monotonic() < deadline
        time.sleep(0.01)


def alive(pid: int) -> bool:
    """Whether a process lives."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_what_it_says_is_kept(start: Starter) -> None:
    """Both streams go to the log, which is added to; the last words are those of this process only."""
    first = start("import sys; print('one'); print('two', file=sys.stderr); print()")
    assert first.wait(10)
    assert first.ended == 0
    assert first.last_words() == "two"
    second = start("import sys; sys.exit(3)")
    assert second.wait(10)
    assert second.ended == 3
    assert second.last_words() == ""
    assert start.log.read_text().split() == ["one", "two"]


def test_it_has_a_session_of_its_own(start: Starter) -> None:
    """Ctrl-C in the user's terminal reaches the supervisor and not its children a second time."""
    process = start("import os; print(os.getsid(0), os.getpgid(0), os.getpid())")
    assert process.wait(10)
    assert process.last_words() == f"{process.pid} {process.pid} {process.pid}"


def test_it_is_given_its_environment(start: Starter) -> None:
    """Variables reach the child."""
    process = start("import os; print(os.environ['NAME'])", NAME="value")
    assert process.wait(10)
    assert process.last_words() == "value"


def test_stop_asks_first(start: Starter) -> None:
    """A child that ends when asked is not killed."""
    process = start("import time; print('ready', flush=True); time.sleep(99)")
    wait_for_words(process, "ready")
    process.stop(10)
    assert process.ended == -signal.SIGTERM


def test_stop_kills_who_does_not_listen(start: Starter) -> None:
    """A child that ignores the request is killed after the time it was given, and its own children with it."""
    code = (
        f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(99)']); {STUBBORN}"
    )
    process = start(code)
    wait_for_words(process, "ready")
    group = [pid for pid in map(int, _pids()) if _group(pid) == process.pid]
    assert len(group) == 2
    assert not process.wait(0.05)
    process.stop(0.2)
    assert process.ended == -signal.SIGKILL
    deadline = time.monotonic() + 5
    while any(alive(pid) for pid in group):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.stop(0.1)  # what has ended can be stopped again


def _pids() -> list[str]:
    return [entry.name for entry in Path("/proc").iterdir() if entry.name.isdigit()]


def _group(pid: int) -> int:
    try:
        return os.getpgid(pid)
    except ProcessLookupError:
        return 0


def test_a_released_process_is_left_alone(start: Starter) -> None:
    """What is released is no business of ours any more: it lives on."""
    process = start("import time; time.sleep(99)")
    process.release()
    assert process.ended == 0
    process.terminate()
    assert alive(process.pid)
    os.kill(process.pid, signal.SIGKILL)
    os.waitpid(process.pid, 0)


def test_a_program_that_is_not_there(tmp_path: Path) -> None:
    """A missing program is in the log and not an exception."""
    process = Process(["/no/such/program"], environment={}, log=tmp_path / "x.log")
    assert process.wait(10)
    assert process.ended == 1
    assert process.last_words() == "/no/such/program cannot be started: No such file or directory"


def test_free_ports_are_free() -> None:
    """A port that was chosen can be listened on, and one that is listened on is not chosen."""
    ports = {free_port() for _ in range(20)}
    assert len(ports) > 10
    for port in ports:
        with socket.create_server(("127.0.0.1", port)):
            pass


def test_ports_are_not_lent_to_clients() -> None:
    """A service that is being started again finds its port: the kernel gave it to no outgoing connection."""
    lowest = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    assert all(free_port() < lowest for _ in range(20)) or lowest < 32_000


def test_a_full_range_still_gives_a_port(monkeypatch: pytest.MonkeyPatch) -> None:
    """With every usual port taken the kernel chooses one."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        monkeypatch.setattr("farm.local.process._PORTS", [taken.getsockname()[1]] * 200)
        assert free_port() != taken.getsockname()[1]


def test_children_end_with_their_parent(tmp_path: Path) -> None:
    """A parent that is killed takes its children with it, whatever they are doing."""
    code = (
        "import os, sys, time; from pathlib import Path; from farm.local.process import Process\n"
        f"child = Process([sys.executable, '-c', {STUBBORN!r}], environment=dict(os.environ), log=Path(sys.argv[1]))\n"
        "while child.last_words() != 'ready': time.sleep(0.01)\n"
        "print(child.pid, flush=True); time.sleep(99)"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "child.log")]
    root = Path(__file__).parents[3]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=root) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        assert alive(child)
        parent.kill()
    deadline = time.monotonic() + 5
    while alive(child):
        assert time.monotonic() < deadline
        time.sleep(0.01)
