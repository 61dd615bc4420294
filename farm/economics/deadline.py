"""When a job is to be over: reading that instant, and by how much it will be missed."""

import re
from datetime import datetime, timedelta

from farm.economics.window import zone_of

_CLOCK = re.compile(r"(\d{1,2}):(\d{2})(?:\s+(\S+))?")
_DATED = re.compile(r"(\d{4}-\d{2}-\d{2}[T ]\d{1,2}:\d{2}(?::\d{2})?(?:Z|[+-]\d{2}:\d{2})?)(?:\s+(\S+))?")


def read_deadline(text: str, *, now: float, zone: str) -> datetime:
    """``07:00``, ``07:00 Europe/Berlin`` or ``2026-11-22 07:00`` as an instant to come, in its zone.

    A time alone is the next one after now.

    Args:
        text: what the user wrote.
        now: POSIX seconds.
        zone: IANA name, where the text names none.

    Raises:
        ValueError: it is no instant, or past; says what was expected.
    """
    words = text.strip()
    if found := _CLOCK.fullmatch(words):
        return _next_time(int(found[1]), int(found[2]), now=now, zone=found[3] or zone)
    dated = _DATED.fullmatch(words)
    try:
        at = datetime.fromisoformat(dated[1]) if dated else None
    except ValueError:
        at = None
    if dated is None or at is None or (at.tzinfo and dated[2]):
        raise ValueError("must be a time such as 07:00, or a date and time such as 2026-11-22 07:00")
    if at.tzinfo is None:
        at = at.replace(tzinfo=zone_of(dated[2] or zone))
    if at.timestamp() <= now:
        raise ValueError("lies in the past")
    return at


def _next_time(hour: int, minute: int, *, now: float, zone: str) -> datetime:
    """The next time at which the clocks of a zone show this."""
    if hour > 23 or minute > 59:  # noqa: PLR2004 the clock's own
        raise ValueError(f"holds {hour:02}:{minute:02}, which is no time of day")
    today = datetime.fromtimestamp(now, zone_of(zone)).replace(hour=hour, minute=minute, second=0, microsecond=0)
    days = (today + timedelta(days=each, hours=0) for each in range(3))
    return next(day.replace(fold=0) for day in days if day.timestamp() > now)


def late_s(deadline: float | None, *, now: float, eta_s: float | None, finished_at: float | None) -> float | None:
    """Seconds by which a deadline is or will be missed, 0 where it will be met; None without a deadline.

    Args:
        deadline: POSIX seconds, like the other instants.
        now: the job's clock.
        eta_s: seconds until its last image; where nothing can be said, what is past already is late.
        finished_at: when it ended.
    """
    if deadline is None:
        return None
    return max(0.0, (finished_at if finished_at is not None else now + (eta_s or 0.0)) - deadline)
