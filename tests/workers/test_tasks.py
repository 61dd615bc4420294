import os
import signal
import subprocess
import sys
import time
from typing import Any

import pytest

from farm.queue import TASK
from workers import tasks


class Child:
    """Remembers what it was asked."""

    def __init__(self, *, broken: bool = False) -> None:
        self.ranges: list[tuple[str, int, int]] = []
        self.stopped, self.broken = False, broken

    def run(self, *message: Any) -> bool:
        """Render."""
        self.ranges.append(message)
        return not self.broken

    def stop(self) -> None:
        """End."""
        self.stopped = True


def test_a_message_is_a_range(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three values reach the child, under the one name of the farm's task."""
    child = Child()
    monkeypatch.setattr(tasks, "child", lambda: child)
    tasks.render("job", 0, 8)
    assert child.ranges == [("job", 0, 8)]
    assert tasks.render.name == TASK


def test_a_broken_device_ends_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was rendered is published first."""
    child, ended = Child(broken=True), list[int]()
    monkeypatch.setattr(tasks, "child", lambda: child)
    monkeypatch.setattr(os, "_exit", ended.append)
    tasks.render("job", 0, 8)
    assert child.stopped
    assert ended == [1]


def test_sigterm_ends_a_child_until_it_is_ready(monkeypatch: pytest.MonkeyPatch) -> None:
    """While it imports there is nothing to lose; afterwards the ledger drains it."""
    before, seen = signal.getsignal(signal.SIGTERM), list[Any]()
    monkeypatch.setenv(tasks.PARENT, str(os.getppid()))
    monkeypatch.setattr(tasks, "die_with_parent", seen.append)
    monkeypatch.setattr(tasks, "child", lambda: seen.append(signal.getsignal(signal.SIGTERM)))
    try:
        tasks.begin()
        assert seen == [os.getppid(), before]
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGTERM, before)


def test_a_process_without_gpu_rooms_ends_without_making_them() -> None:
    """The parent sends the same signal when it ends."""
    tasks.child.cache_clear()
    tasks.end()
    assert tasks.child.cache_info().currsize == 0


def test_a_child_dies_with_its_parent() -> None:
    """Even when the parent has no time to say so."""
    sleeper = "import os, time; from workers.tasks import die_with_parent; die_with_parent(os.getppid()); "
    sleeper += "print(os.getpid(), flush=True); time.sleep(60)"
    parent_code = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {sleeper!r}])"
    parent = subprocess.Popen([sys.executable, "-c", parent_code], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    parent.stdout.close()
    for _ in range(200):
        if not running(child):
            return
        time.sleep(0.05)
    pytest.fail("the child outlived its parent")


def running(pid: int) -> bool:
    """Whether a process is there and no zombie."""
    try:
        with open(f"/proc/{pid}/stat") as stat:  # noqa: PTH123 a file of the kernel's
            return stat.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_a_child_whose_parent_is_gone_already_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernel tells nobody what happened before it was asked."""
    ended: list[int] = []
    monkeypatch.setattr(os, "_exit", ended.append)
    monkeypatch.setattr("workers.tasks.ctypes.CDLL", lambda *_, **__: Quiet())
    tasks.die_with_parent(os.getppid() + 1)
    assert ended == [1]


class Quiet:
    """A C library that does nothing."""

    def prctl(self, *_: int) -> int:
        """Nothing."""
        return 0
