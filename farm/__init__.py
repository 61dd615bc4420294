"""A render farm for diffusion models.

`Farm` is the way in from Python; ``farm --help`` from the command line.

    >>> from farm import Farm
    >>> with Farm.connect() as farm:  # doctest: +SKIP
    ...     [job.job for job in farm.jobs()]
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from farm.client.control import Verb
    from farm.client.farm import Farm
    from farm.client.status import Status
    from farm.client.submit import Submitted
    from farm.client.watch import Update
    from farm.errors import FarmError, ManifestError, NoSuchJobError, ServiceError, UsageError
    from farm.ledger.values import JobState
    from farm.plan.plan import Plan
    from farm.report.values import Report
    from farm.settings import Settings

__all__ = [
    "Farm",
    "FarmError",
    "JobState",
    "ManifestError",
    "NoSuchJobError",
    "Plan",
    "Report",
    "ServiceError",
    "Settings",
    "Status",
    "Submitted",
    "Update",
    "UsageError",
    "Verb",
]

#: Name -> the module it is loaded from at first use, so that `import farm` costs nothing.
_HOMES = {
    "Farm": "farm.client.farm",
    "FarmError": "farm.errors",
    "JobState": "farm.ledger.values",
    "ManifestError": "farm.errors",
    "NoSuchJobError": "farm.errors",
    "Plan": "farm.plan.plan",
    "Report": "farm.report.values",
    "ServiceError": "farm.errors",
    "Settings": "farm.settings",
    "Status": "farm.client.status",
    "Submitted": "farm.client.submit",
    "Update": "farm.client.watch",
    "UsageError": "farm.errors",
    "Verb": "farm.client.control",
}


def __getattr__(name: str) -> Any:
    """Load a public name at its first use."""
    from importlib import import_module

    if name not in _HOMES:
        raise AttributeError(f"module 'farm' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    """The public names."""
    return list(__all__)
