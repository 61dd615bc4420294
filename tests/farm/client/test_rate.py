import pytest

from farm.client.rate import Rate


def test_nothing_is_said_before_something_moved() -> None:
    """One look, or two alike, make no rate."""
    rate = Rate()
    assert rate.per_second() is None
    rate.observe(0.0, 8)
    assert rate.per_second() is None
    rate.observe(5.0, 8)
    assert rate.per_second() is None


def test_rate_is_progress_over_the_time_it_took() -> None:
    """Sixteen images in eight seconds are two per second."""
    rate = Rate()
    for second in range(9):
        rate.observe(second, 2 * second)
    assert rate.per_second() == pytest.approx(2.0)


def test_what_is_older_than_the_window_is_forgotten() -> None:
    """A worker that joins shows in the rate once the slow minutes are out of the window."""
    rate = Rate(window=10.0)
    for second in range(100):
        rate.observe(second, second)
    for second in range(100, 120):
        rate.observe(second, 100 + 5 * (second - 100))
    assert rate.per_second() == pytest.approx(5.0)


def test_a_rate_survives_looks_that_are_rarer_than_the_window() -> None:
    """Two looks always make a rate, however far apart they are."""
    rate = Rate(window=1.0)
    rate.observe(0.0, 0)
    rate.observe(100.0, 50)
    assert rate.per_second() == pytest.approx(0.5)


def test_a_retry_starts_afresh() -> None:
    """Failed images that go back to work make the amount smaller; no negative rate is shown."""
    rate = Rate()
    rate.observe(0.0, 10)
    rate.observe(1.0, 20)
    rate.observe(2.0, 15)
    assert rate.per_second() is None
    rate.observe(4.0, 17)
    assert rate.per_second() == pytest.approx(1.0)
