from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from farm.economics.deadline import late_s, read_deadline

#: 2026-11-21 05:30 in Berlin.
NOW = datetime(2026, 11, 21, 4, 30, tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("07:00", "2026-11-21T07:00:00+01:00"),
        ("05:30", "2026-11-22T05:30:00+01:00"),
        ("5:00", "2026-11-22T05:00:00+01:00"),
        ("07:00 America/New_York", "2026-11-21T07:00:00-05:00"),
        ("2026-11-22 07:00", "2026-11-22T07:00:00+01:00"),
        ("2026-11-22T07:00", "2026-11-22T07:00:00+01:00"),
        ("2026-11-22 07:00 UTC", "2026-11-22T07:00:00+00:00"),
        ("2026-11-22T07:00+05:30", "2026-11-22T07:00:00+05:30"),
        ("2026-11-22T07:00Z", "2026-11-22T07:00:00+00:00"),
    ],
)
def test_a_deadline_is_an_instant_to_come(text: str, at: str) -> None:
    """A time alone is the next one; a zone may be said, and else it is the submitter's."""
    assert read_deadline(text, now=NOW, zone="Europe/Berlin").isoformat() == at


@settings(deadline=None)
@given(
    st.integers(0, 23),
    st.integers(0, 59),
    st.integers(1_704_067_200, 1_893_456_000),
    st.sampled_from(["Europe/Berlin", "Australia/Lord_Howe", "UTC"]),
)
def test_the_next_time_is_within_a_day_and_shows_on_the_clocks(hour: int, minute: int, now: int, zone: str) -> None:
    """But for the night in which the clocks change: an hour more, and a time that they skip."""
    found = read_deadline(f"{hour:02}:{minute:02}", now=now, zone=zone)
    assert 0 < found.timestamp() - now <= 25 * 3600
    assert (found.hour, found.minute) == (hour, minute)
    assert found.tzinfo == ZoneInfo(zone)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("2026-11-21 05:30", "lies in the past"),
        ("2020-01-01T00:00Z", "lies in the past"),
        ("25:00", "which is no time of day"),
        ("tomorrow", "must be a time such as 07:00"),
        ("2026-13-01 07:00", "must be a time such as 07:00"),
        ("2026-11-22T07:00Z UTC", "must be a time such as 07:00"),
        ("07:00 Mars/Olympus", "which this machine does not know"),
    ],
)
def test_what_is_no_deadline_says_why(text: str, said: str) -> None:
    """One in the past could only be missed."""
    with pytest.raises(ValueError, match=said):
        read_deadline(text, now=NOW, zone="Europe/Berlin")


def test_lateness_is_said_ahead() -> None:
    """By what is left, before it happens; where nothing is known of that, by what has passed; at the end as it was."""
    assert late_s(None, now=0.0, eta_s=9.0, finished_at=None) is None
    assert late_s(100.0, now=90.0, eta_s=30.0, finished_at=None) == pytest.approx(20.0)
    assert late_s(100.0, now=90.0, eta_s=5.0, finished_at=None) == 0.0
    assert late_s(100.0, now=130.0, eta_s=None, finished_at=None) == pytest.approx(30.0)
    assert late_s(100.0, now=500.0, eta_s=None, finished_at=101.0) == pytest.approx(1.0)
