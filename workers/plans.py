"""The plans of the jobs this worker serves, read from the store once each."""

from collections import OrderedDict
from dataclasses import dataclass, field

from farm.plan.plan import Plan
from farm.store import keys
from farm.store.store import Store

#: Plans kept in memory.
LIMIT = 8


@dataclass
class Plans:
    """Plans by job, least recently used out first.

    Args:
        store: where from.
        limit: how many are kept.
    """

    store: Store
    limit: int = LIMIT
    _known: OrderedDict[str, Plan] = field(default_factory=OrderedDict)

    def get(self, job_id: str) -> Plan:
        """A job's plan; raises `StoreError`."""
        if job_id not in self._known:
            self._known[job_id] = Plan.from_json(self.store.get(keys.plan(job_id)), read=self.store.get)
        self._known.move_to_end(job_id)
        while len(self._known) > self.limit:
            self._known.popitem(last=False)
        return self._known[job_id]
