import logging
import signal
from pathlib import Path
from typing import cast

import pytest

from farm.errors import UsageError
from farm.local.kept import LONGEST_DELAY, SETTLED, Kept, delay
from farm.local.process import Process


class FakeProcess:
    """A process that ends when the test says so."""

    log = Path("child.log")

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.ended: int | None = None
        self.killed = False

    def last_words(self) -> str:
        """What it said."""
        return "out of luck"

    def kill(self) -> None:
        """Note it."""
        self.killed = True


class Bench:
    """A kept child whose time and processes are the test's."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.processes: list[FakeProcess] = []
        self.refuses: Exception | None = None
        self.kept = Kept("thing", self.start, clock=lambda: self.now)

    def start(self) -> Process:
        """Start the next process."""
        if self.refuses:
            raise self.refuses
        self.processes.append(FakeProcess(len(self.processes) + 1))
        return cast("Process", self.processes[-1])

    def end(self, code: int = 1) -> None:
        """End the process that runs now, and let it be seen."""
        self.processes[-1].ended = code
        assert not self.kept.tend()


@pytest.fixture
def bench() -> Bench:
    """A kept child that runs."""
    return Bench()


def test_delays_double_up_to_the_longest() -> None:
    """A child that cannot run is tried ever less often, and never given up."""
    assert [delay(ends) for ends in (1, 2, 3, 4)] == [0.5, 1.0, 2.0, 4.0]
    assert delay(7) == delay(10_000) == LONGEST_DELAY


def test_nothing_happens_while_it_runs(bench: Bench) -> None:
    """A child that runs is left alone."""
    assert bench.kept.running
    assert not bench.kept.tend()
    assert len(bench.processes) == 1


def test_it_is_started_again_after_the_delay(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    """An end is said with its cause and the wait, what the group left is killed, and then it runs again."""
    caplog.set_level(logging.INFO)
    bench.end(-signal.SIGKILL)
    assert bench.processes[0].killed
    assert not bench.kept.running
    assert caplog.messages == ["thing was ended by signal 9: out of luck; starting it again in 0.5 s"]
    assert not bench.kept.tend()
    bench.now += 0.5
    assert bench.kept.tend()
    assert bench.kept.running
    assert bench.kept.process.pid == 2
    assert caplog.messages[1] == "Started thing again (process 2)"


def test_ends_in_a_row_wait_longer(bench: Bench) -> None:
    """Every end soon after a start doubles the wait."""
    for expected in (0.5, 1.0, 2.0):
        bench.end()
        bench.now += expected - 0.01
        assert not bench.kept.tend()
        bench.now += 0.01
        assert bench.kept.tend()
    assert bench.kept.ends == 3
    assert bench.kept.words == "ended with exit code 1: out of luck"


def test_a_long_life_is_a_fresh_start(bench: Bench) -> None:
    """A child that ran well for a while is not punished for earlier ends."""
    bench.end()
    bench.now += 1
    bench.kept.tend()
    bench.now += SETTLED + 1
    bench.end()
    assert bench.kept.ends == 1


@pytest.mark.parametrize("refusal", [OSError("disk is full"), UsageError("There is no rclone here.")])
def test_a_start_that_fails_is_tried_again(bench: Bench, refusal: Exception) -> None:
    """What keeps a child from being started is said and tried again: a supervisor never ends over it."""
    bench.end()
    bench.refuses = refusal
    bench.now += 0.5
    assert not bench.kept.tend()
    assert str(refusal) in bench.kept.words
    bench.refuses = None
    bench.now += 1.0
    assert bench.kept.tend()


def test_a_process_that_runs_already_is_taken_over() -> None:
    """What was started to find a free port is kept, not started twice."""
    bench = Bench()
    first = cast("Process", FakeProcess(7))
    assert Kept("thing", bench.start, process=first).process is first
    assert len(bench.processes) == 1
