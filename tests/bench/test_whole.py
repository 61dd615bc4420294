from dataclasses import replace

from tests.bench.whole import Found, row

FINE = Found(1_000_000, 2000.0, 12.0, 150_000_000, 2_000_000)


def test_the_end_of_a_large_job_is_judged() -> None:
    """Tables that take too long, or too much memory, do not pass."""
    assert row(FINE).met
    assert row(FINE).figure.startswith("done 12.0 s after the last commit, coordinator 150 MB, Redis +2.00 MB")
    for late in (replace(FINE, end_s=70.0), replace(FINE, coordinator_bytes=210_000_000)):
        assert row(late).met is False
