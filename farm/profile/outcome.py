"""How an attempt at a range ended, and the token that orders attempts."""

from dataclasses import dataclass
from enum import StrEnum


class Outcome(StrEnum):
    """Outcome of one contiguous sub-range of an attempt; part of the record's key."""

    RENDERED = "rendered"  #: every picture of the sub-range is in the store
    FAILED = "failed"  #: the pictures could not be made; the record holds the error
    CANCELLED = "cancelled"  #: the job was cancelled, or the lease lost, while it rendered
    RETURNED = "returned"  #: drained or split: seconds were spent, the positions went back without a strike
    LOST = "lost"  #: the lease expired; written by the coordinator from the last renewal


@dataclass(frozen=True, slots=True, order=True)
class Token:
    """Fencing token of a lease; compares by age.

    Args:
        epoch: start of the ledger's epoch in milliseconds, a dash-free hex of chance appended: ``1763690000000x3fa9``.
        counter: counts leases within the epoch, from 1.
    """

    epoch: str
    counter: int

    def __str__(self) -> str:
        return f"{self.epoch}.{self.counter}"
