"""One line of the doctor's."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from farm.errors import FarmError


@dataclass(frozen=True, slots=True)
class Check:
    """One line of the doctor's."""

    name: str
    ok: bool
    #: What was found.
    detail: str
    #: What to do about it; empty where all is well.
    advice: str = ""


def asked(name: str, ask: Callable[[], Any]) -> Check:
    """A check that a sentence answers when it fails: what is wrong before the colon, what to do behind it."""
    try:
        return Check(name, True, str(ask()))
    except FarmError as error:
        return failed(name, error)


def failed(name: str, error: FarmError) -> Check:
    """The red line of an error."""
    detail, _, advice = str(error).rpartition(": ")
    return Check(name, False, detail or advice, advice[:1].upper() + advice[1:] if detail else "")
