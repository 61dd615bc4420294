"""Quotes of a farm: what its finished jobs measured, and which workers it has."""

import logging
from collections import Counter, defaultdict
from collections.abc import Iterable
from itertools import islice
from typing import TYPE_CHECKING

from pydantic import ValidationError

from farm.economics.costs import Costs, JobCosts, together
from farm.economics.fitting import Fitting, fitting
from farm.economics.quote import Kind, Quote, Unknown, quote
from farm.economics.work import work_of
from farm.errors import LedgerError, NotInStoreError
from farm.report.reading import ahead
from farm.store import keys

if TYPE_CHECKING:
    from farm.client.connection import Connection
    from farm.ledger.values import WorkerStatus
    from farm.plan.plan import Plan
    from farm.store.store import Store

log = logging.getLogger(__name__)

#: Jobs that are looked at, the newest: older ones ran on other versions and drivers.
NEWEST = 200


def read_costs(store: "Store", *, newest: int = NEWEST) -> Costs:
    """What the newest jobs measured, added up; an object that nobody can read is passed over.

    Raises:
        StoreError: the store cannot be reached.
    """

    def read(key: str) -> JobCosts | None:
        """One job's; None for one that is damaged, or was removed meanwhile."""
        try:
            return JobCosts.model_validate_json(store.get(key))
        except NotInStoreError:
            return None
        except ValidationError:
            log.warning(
                "%s is damaged, and its job is left out of the quote", key, extra={"action": "costs_unreadable"}
            )
            return None

    found = ahead(read, islice(store.list(keys.COSTS), newest))
    return together(job for job in found if job is not None)


def kinds_of(workers: "Iterable[WorkerStatus]") -> list[Kind]:
    """The kinds of workers that are alive and take work."""
    alike: dict[tuple[str, float | None], list[WorkerStatus]] = defaultdict(list)
    for worker in workers:
        if worker.doing != "draining" and worker.gpu:
            alike[worker.gpu, worker.price_per_hour].append(worker)
    return [
        Kind(gpu, price, len(found), Counter(queue for worker in found for queue in worker.loaded))
        for (gpu, price), found in sorted(alike.items(), key=lambda each: (each[0][0], each[0][1] or 0.0))
    ]


def known_kinds(costs: Costs) -> list[Kind]:
    """The kinds of workers that earlier jobs ran on."""
    return [Kind(gpu, price, 0, {}) for gpu, price in sorted(costs.prices.items())]


def quote_of(plan: "Plan", connection: "Connection") -> Quote | Unknown:
    """Quote a plan for the workers that are alive; without any, for the kinds that earlier jobs ran on.

    Raises:
        StoreError: the store cannot be reached.
    """
    work = work_of(plan)
    if work is None:
        return Unknown(("Its settings change too often to be counted.",))
    return quote(work, *_known(connection))


def fitting_of(plan: "Plan", connection: "Connection", *, left_s: float) -> Fitting | None:
    """What would let a plan end within so many seconds; None where nothing is known of it.

    Raises:
        StoreError: the store cannot be reached.
    """
    work = work_of(plan)
    return None if work is None else fitting(work, *_known(connection), left_s=left_s)


def _known(connection: "Connection") -> tuple[Costs, list[Kind]]:
    """What jobs measured, and the kinds of workers to quote."""
    costs = read_costs(connection.store)
    try:
        kinds = kinds_of(connection.ledger.workers())
    except LedgerError:
        kinds = []
    return costs, kinds or known_kinds(costs)
