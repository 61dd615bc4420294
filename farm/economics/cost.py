"""Cost: seconds of a worker times its price, and never a price that nobody set."""

from dataclasses import dataclass

_HOUR = 3600.0


def usd(seconds: float, price_per_hour: float | None) -> float | None:
    """Cost of busy seconds on a worker, in currency units; None where the worker has no price."""
    return None if price_per_hour is None else seconds * price_per_hour / _HOUR


def ratio(amount: float | None, parts: float) -> float | None:
    """Amount per part; None where there is no amount or no part."""
    return amount / parts if amount is not None and parts > 0 else None


@dataclass(slots=True)
class Bill:
    """Seconds added up, with their cost.

    Args:
        seconds: busy seconds, priced or not.
        usd: cost of the priced seconds; None until one had a price.
        unpriced_s: seconds of workers without a price, which `usd` leaves out.
    """

    seconds: float = 0.0
    usd: float | None = None
    unpriced_s: float = 0.0

    def add(self, seconds: float, price_per_hour: float | None) -> None:
        """Count seconds of a worker with this price per hour."""
        self.seconds += seconds
        cost = usd(seconds, price_per_hour)
        if cost is None:
            self.unpriced_s += seconds
        else:
            self.usd = (self.usd or 0.0) + cost
