"""The report of a job: what it cost per image and per step, where its workers' seconds went, what steps were worth."""

from collections.abc import Sequence
from contextlib import suppress

from farm.economics.quality import Score
from farm.errors import DamagedError, NotInStoreError
from farm.plan.plan import Plan
from farm.quality.score import score
from farm.report.charges import totals
from farm.report.load import JobData, load
from farm.report.quality import quality_rows, sweet_spots
from farm.report.seconds import ledger_of_seconds
from farm.report.values import Report
from farm.store import keys
from farm.store.store import Store

__all__ = ["JobData", "Report", "build", "load", "report"]

#: What prices are in, unless nobody set one.
_CURRENCY = "USD"


def report(store: Store, job_id: str) -> Report:
    """All that is known of a job: what was measured, and how like pictures of different step counts are.

    Pictures are compared once of a job that is over, and that takes seconds; before its end, each time.

    >>> print(report(store, job_id).to_csv())  # doctest: +SKIP

    Raises:
        StoreError: the store cannot be reached, or a record is damaged.
    """
    data = load(store, job_id)
    scores: Sequence[Score] = ()
    with suppress(NotInStoreError, DamagedError):  # without its plan a job has a cost all the same
        plan = Plan.from_json(store.get(keys.plan(job_id)), read=store.get)
        scores = score(store, plan, over=data.over)
    return build(data, scores)


def build(data: JobData, scores: Sequence[Score] = ()) -> Report:
    """The report of what was measured; pure but for the sessions, which are read as they are needed."""
    groups, fits = data.measured.groups.rows(), data.measured.fits.rows()
    total = totals(data.attempts, steps=data.measured.groups.steps)
    return Report(
        job=data.job_id,
        currency=None if total.cost_usd is None else _CURRENCY,
        totals=total,
        ledger=ledger_of_seconds(data),
        groups=groups,
        fits=fits,
        quality=quality_rows(scores, groups, fits),
        sweet_spots=sweet_spots(scores, groups, fits),
    )
