"""The report of a job: what it cost per image and per step, and where its workers' seconds went."""

from farm.report.charges import totals
from farm.report.load import JobData, load
from farm.report.seconds import ledger_of_seconds
from farm.report.values import Report

__all__ = ["JobData", "Report", "build", "load"]

#: What prices are in, unless nobody set one.
_CURRENCY = "USD"


def build(data: JobData) -> Report:
    """The report of what was measured; pure but for the sessions, which are read as they are needed.

    >>> print(build(load(store, job_id)).to_csv())  # doctest: +SKIP
    """
    total = totals(data.attempts, steps=data.measured.groups.steps)
    return Report(
        job=data.job_id,
        currency=None if total.cost_usd is None else _CURRENCY,
        totals=total,
        ledger=ledger_of_seconds(data),
        groups=data.measured.groups.rows(),
        fits=data.measured.fits.rows(),
    )
