import os
import signal
import subprocess
import sys
from typing import Any

import pytest

from farm.local import tether


def run(*arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
    """Run the program as it is run, with no libraries at hand."""
    command = [sys.executable, "-I", "-S", tether.__file__, *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=20, check=False, **options)


def test_it_becomes_the_command() -> None:
    """Exit code and output are the command's."""
    done = run(str(os.getpid()), "9", sys.executable, "-c", "print('hello'); raise SystemExit(7)")
    assert (done.returncode, done.stdout) == (7, "hello\n")


def test_it_does_not_start_for_a_parent_that_is_gone() -> None:
    """A parent that ended before the kernel was asked would never be noticed: nothing is started."""
    done = run(str(os.getpid() + 1), "9", sys.executable, "-c", "print('hello')")
    assert (done.returncode, done.stdout) == (1, "")


def test_it_asks_the_kernel_for_the_signal() -> None:
    """The command runs with the signal it was given set for its parent's death, and none for 0."""
    code = "import ctypes; n = ctypes.c_int(); ctypes.CDLL(None).prctl(2, ctypes.byref(n), 0, 0, 0); print(n.value)"
    for number in (0, int(signal.SIGTERM), int(signal.SIGKILL)):
        assert run(str(os.getpid()), str(number), sys.executable, "-c", code).stdout == f"{number}\n"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP])
def test_it_undoes_what_was_ignored(number: signal.Signals) -> None:
    """A supervisor started with nohup or in the background of a script has children that can be ended all the same."""
    code = f"import signal; print(signal.getsignal({int(number)}) == signal.SIG_IGN)"
    before = signal.signal(number, signal.SIG_IGN)
    try:
        assert run(str(os.getpid()), "9", sys.executable, "-c", code).stdout == "False\n"
    finally:
        signal.signal(number, before)


def test_blocked_signals_are_let_through() -> None:
    """A mask that the parent has set is not the child's."""
    code = "import signal; print(signal.pthread_sigmask(signal.SIG_BLOCK, []))"
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
    try:
        assert run(str(os.getpid()), "9", sys.executable, "-c", code).stdout == "set()\n"
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
