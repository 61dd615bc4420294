from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from farm.economics.window import Window

ZONES = ("Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "America/St_Johns", "UTC")
MINUTES = st.integers(0, 24 * 60 - 1)
#: From 2024 to 2030.
INSTANTS = st.integers(1_704_067_200, 1_893_456_000).map(float)


@st.composite
def windows(draw: st.DrawFn) -> Window:
    """Windows of any length in zones of every kind, also one that moves its clocks by half an hour."""
    opens = draw(MINUTES)
    closes = draw(MINUTES.filter(lambda minute: minute != opens))
    return Window(opens * 60, closes * 60, draw(st.sampled_from(ZONES)))


def shown(window: Window, at: float) -> int:
    """Minutes after midnight that the clocks of its zone show, as the standard library tells them."""
    clock = datetime.fromtimestamp(at, ZoneInfo(window.zone))
    return clock.hour * 60 + clock.minute


@settings(deadline=None)
@given(windows(), INSTANTS)
def test_it_is_open_when_the_clocks_show_a_time_inside(window: Window, at: float) -> None:
    """Also over midnight."""
    now, opens, closes = shown(window, at), window.opens // 60, window.closes // 60
    inside = opens <= now < closes if opens < closes else now >= opens or now < closes
    assert window.is_open(at) is inside


@settings(deadline=None, max_examples=200)
@given(windows(), INSTANTS)
def test_the_next_change_is_the_next_one(window: Window, at: float) -> None:
    """From any instant, every minute before the next opening is closed, and that instant is open; closing likewise."""
    for change, wanted in ((window.next_open(at), True), (window.next_close(at), False)):
        assert change >= at
        assert window.is_open(change) is wanted
        assert change - at <= 49 * 3600
        step = max(60.0, (change - at) / 200)
        moments = [at + step * number for number in range(int((change - at) / step) + 1)]
        assert all(window.is_open(moment) is not wanted for moment in [*moments, change - 1] if at <= moment < change)


@pytest.mark.parametrize(
    ("day", "hours"),
    [("2026-11-21", 9.0), ("2026-03-28", 8.0), ("2026-10-24", 10.0)],
)
def test_the_night_of_a_change_of_clocks_is_an_hour_shorter_or_longer(day: str, hours: float) -> None:
    """22:00-07:00 in Berlin: 9 hours, 8 when the clocks go forward, 10 when they go back."""
    window = Window.parse("22:00-07:00 Europe/Berlin")
    noon = datetime.fromisoformat(f"{day}T12:00:00").replace(tzinfo=ZoneInfo("Europe/Berlin")).timestamp()
    opens = window.next_open(noon)
    assert datetime.fromtimestamp(opens, ZoneInfo("Europe/Berlin")).isoformat()[:16] == f"{day}T22:00"
    assert (window.next_close(opens) - opens) / 3600 == hours


def test_a_window_that_the_clocks_skip_opens_the_day_after() -> None:
    """02:15-02:45 does not exist in the night in which the clocks go forward from 02:00 to 03:00."""
    window, zone = Window.parse("02:15-02:45 Europe/Berlin"), ZoneInfo("Europe/Berlin")
    midnight = datetime(2026, 3, 29, tzinfo=zone)
    found = datetime.fromtimestamp(window.next_open(midnight.timestamp()), zone)
    assert found == midnight.replace(hour=2, minute=15) + timedelta(days=1)


def test_a_window_that_the_clocks_skip_into_opens_with_the_jump() -> None:
    """02:30-05:00 opens at 03:00, which is where the clocks go on."""
    window, zone = Window.parse("02:30-05:00 Europe/Berlin"), ZoneInfo("Europe/Berlin")
    found = datetime.fromtimestamp(window.next_open(datetime(2026, 3, 29, tzinfo=zone).timestamp()), zone)
    assert (found.hour, found.minute) == (3, 0)


def test_the_zone_is_frozen_where_it_was_not_said() -> None:
    """The text that is kept names it, and reads back as the same window."""
    window = Window.parse("9:00 - 17:30", zone="Asia/Kolkata")
    assert str(window) == "09:00-17:30 Asia/Kolkata"
    assert Window.parse(str(window)) == window
    assert Window.parse("22:00-07:00 UTC", zone="Asia/Kolkata").zone == "UTC"
    assert Window.parse("18:00-24:00 UTC").closes == 0


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("22:00-22:00", "never opens"),
        ("24:00-00:00", "never opens"),
        ("22-7", "must be two times such as 22:00-07:00"),
        ("nightly", "must be two times"),
        ("25:00-07:00", "25:00, which is no time of day"),
        ("22:60-07:00", "22:60, which is no time of day"),
        ("22:00-07:00 Europe/Berln", "the time zone 'Europe/Berln', which this machine does not know"),
        ("22:00-07:00 ../../etc/passwd", "which this machine does not know"),
    ],
)
def test_what_is_no_window_says_why(text: str, said: str) -> None:
    """One that never opens would hold its job for ever."""
    with pytest.raises(ValueError, match=said):
        Window.parse(text, zone="UTC")


def test_a_window_without_any_zone_is_refused() -> None:
    """Nobody knows whose clocks are meant."""
    with pytest.raises(ValueError, match="must name its time zone"):
        Window.parse("22:00-07:00")


def test_a_closed_window_says_when_it_opens() -> None:
    """And an open one says nothing."""
    window = Window.parse("22:00-07:00 UTC")
    assert window.why_closed(12 * 3600.0) == "Its window opens at 22:00 UTC."
    assert window.why_closed(23 * 3600.0) is None
