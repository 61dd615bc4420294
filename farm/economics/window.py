"""The hours in which a job's ranges are sent: a daily window on the clocks of one time zone."""

import re
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

_DAY = 86_400.0
_TEXT = re.compile(r"(\d{1,2}):(\d{2})\s*-\s*(\d{1,2}):(\d{2})(?:\s+(\S+))?")
#: What an offset may change in a row before a search is given up: more than any zone has in a year.
_TRIES = 100


@dataclass(frozen=True, slots=True)
class Window:
    """From `opens` until `closes`, every day; over midnight where it closes before it opens.

    It is open whenever the clocks of its zone show a time inside it. In the night in which they go forward that is
    shorter, and in the night in which they go back longer, by what they skip or repeat of it.

    Args:
        opens: seconds after midnight, on the clocks; the first moment inside.
        closes: the first moment outside again.
        zone: IANA name.
    """

    opens: int
    closes: int
    zone: str

    @classmethod
    def parse(cls, text: str, *, zone: str | None = None) -> "Window":
        """``22:00-07:00 Europe/Berlin``.

        Args:
            text: the hours, and a zone where it is not the usual one.
            zone: the usual one; without any, the text must name it.

        Raises:
            ValueError: it is no window; says what was expected.
        """
        found = _TEXT.fullmatch(text.strip())
        if found is None:
            raise ValueError("must be two times such as 22:00-07:00, with a time zone after them where you like")
        opens, closes = _seconds(found[1], found[2]), _seconds(found[3], found[4])
        if opens == closes:
            raise ValueError("never opens: it closes at the moment at which it opens")
        name = found[5] or zone
        if name is None:
            raise ValueError("must name its time zone, such as Europe/Berlin")
        zone_of(name)
        return cls(opens, closes, name)

    def __str__(self) -> str:
        return f"{_clock(self.opens)}-{_clock(self.closes)} {self.zone}"

    def is_open(self, at: float) -> bool:
        """Whether ranges may be sent at this instant, POSIX seconds."""
        now = self._shown(at)
        if self.opens < self.closes:
            return self.opens <= now < self.closes
        return now >= self.opens or now < self.closes

    def next_open(self, at: float) -> float:
        """The first instant from `at` on in which it is open."""
        return self._next(at, self.opens, open_then=True)

    def next_close(self, at: float) -> float:
        """The first instant from `at` on in which it is not open."""
        return self._next(at, self.closes, open_then=False)

    def why_closed(self, at: float) -> str | None:
        """What a waiting job says of it; None while it is open."""
        return None if self.is_open(at) else f"Its window opens at {_clock(self.opens)} {self.zone}."

    def _next(self, at: float, wanted: int, *, open_then: bool) -> float:
        """Go to the wanted time on the clocks, stopping wherever they are changed on the way."""
        for _ in range(_TRIES):
            if self.is_open(at) is open_then:
                return at
            there = at + ((wanted - self._shown(at)) % _DAY or _DAY)
            if self._offset(at) == self._offset(there):
                return there
            at = self._change(at, there)
        raise AssertionError(f"{self} has no next change from {at}")

    def _change(self, before: float, after: float) -> float:
        """The whole second between two instants at which the clocks are changed."""
        low, high = int(before), int(-(-after // 1))
        old = self._offset(before)
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if self._offset(middle) == old else (low, middle)
        return float(high)

    def _shown(self, at: float) -> float:
        """Seconds after midnight that the clocks show."""
        return (at + self._offset(at)) % _DAY

    def _offset(self, at: float) -> float:
        """Seconds by which the clocks are ahead of UTC."""
        offset = datetime.fromtimestamp(at, zone_of(self.zone)).utcoffset()
        return offset.total_seconds() if offset else 0.0


@lru_cache(maxsize=64)
def zone_of(name: str) -> ZoneInfo:
    """A time zone by its IANA name; raises ValueError for one that this machine does not know."""
    try:
        return ZoneInfo(name)
    except (OSError, ValueError, KeyError):
        raise ValueError(f"names the time zone {name[:40]!r}, which this machine does not know") from None


def _seconds(hours: str, minutes: str) -> int:
    hour, minute = int(hours), int(minutes)
    if minute > 59 or hour > 24 or (hour == 24 and minute):  # noqa: PLR2004 the clock's own
        raise ValueError(f"holds {hours}:{minutes}, which is no time of day")
    return (hour * 60 + minute) * 60 % int(_DAY)


def _clock(seconds: int) -> str:
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}"
