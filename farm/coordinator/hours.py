"""Whether a job's hours let its ranges be sent. Pure."""

from farm.economics.window import Window


def why_closed(window: str, at: float) -> str | None:
    """Why ranges of a job with this window are not sent at this instant; None when they are.

    A window that this machine cannot read, for want of its time zone, stays closed and says so.
    """
    try:
        return Window.parse(window).why_closed(at)
    except ValueError as error:
        return f"Its window {window} {error}: the coordinator's machine needs that time zone."
