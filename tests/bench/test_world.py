import os
import time

import pytest

from tests.bench.world import cpu_seconds, span

LOG = """\
[2026-11-21 05:36:29,112: INFO/SpawnPoolWorker-1] Claimed x-1[0:8]
2026-11-21 05:36:29,500 I workers.publish: Claimed y-1[0:8]
[2026-11-21 05:36:29,715: INFO/SpawnPoolWorker-1] Committed x-1[0:8]
2026-11-21 05:36:30,112 I workers.range: Claimed x-1[8:16]
Traceback (most recent call last):
2026-11-21 05:36:31,612 I workers.publish: Committed x-1[8:16]
"""


def test_a_workers_log_says_how_long_it_worked() -> None:
    """From the first claim to the last commit of one job, whoever wrote the line."""
    first, last = span(LOG, "x-1")
    assert last - first == pytest.approx(2.5)


def test_a_job_that_was_never_claimed_has_no_span() -> None:
    """Nothing is measured of nothing."""
    with pytest.raises(ValueError, match="empty"):
        span(LOG, "z-1")


def test_processor_seconds_are_the_systems() -> None:
    """Those of this process, as the system counts them."""
    assert cpu_seconds([os.getpid()]) == pytest.approx(time.process_time(), abs=0.5)
    assert cpu_seconds([]) == 0
