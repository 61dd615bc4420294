"""Figures as people read them: a few digits, no exponents, a dash for what is not known."""

import math

_DIGITS = 3
_MINUTE, _HOUR = 60, 3600


def figure(value: float | None, *, digits: int = _DIGITS) -> str:
    """A number with three significant digits: ``12.3``, ``0.0412``; a dash for None."""
    if value is None:
        return "-"
    rounded = float(f"{value:.{digits}g}")
    if not rounded:
        return "0"
    decimals = digits - 1 - math.floor(math.log10(abs(rounded)))
    return f"{rounded:,.{max(0, decimals)}f}".replace(",", " ")


def duration(seconds: float) -> str:
    """Seconds for a person: ``0.214 s``, ``8.2 s``, ``3 min 05 s``, ``2 h 07 min``."""
    whole = round(seconds)
    if whole >= _HOUR:
        return f"{whole // _HOUR} h {whole % _HOUR // _MINUTE:02} min"
    if whole >= _MINUTE:
        return f"{whole // _MINUTE} min {whole % _MINUTE:02} s"
    return f"{seconds:.1f} s" if seconds >= 1 else f"{figure(seconds)} s"


def share(part: float, whole: float) -> str:
    """A part of a whole: ``27.1 %``; a dash where there is no whole."""
    return f"{part / whole:.1%}".replace("%", " %") if whole > 0 else "-"


def short_model(model: str) -> str:
    """A model's name without the folders of a local path."""
    return model.rstrip("/").rsplit("/", 1)[-1] if model.startswith("/") else model
