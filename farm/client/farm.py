"""`Farm`: submit, follow and collect jobs from Python.

The command line is a thin layer over this class.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from farm.client.connection import Connection
from farm.client.control import Verb
from farm.client.status import Status

if TYPE_CHECKING:
    from farm.client.fetch import Fetched
    from farm.client.pictures import Verified
    from farm.client.submit import Submitted
    from farm.client.watch import Update
    from farm.ledger.values import WorkerStatus
    from farm.plan.plan import Plan
    from farm.report.report import Report
    from farm.settings import Settings

#: A manifest or prompt file, or the manifest itself.
Manifest = str | Path | Mapping[str, Any]


class Farm:
    """A farm: what a person in a notebook talks to.

    A job is named by its id, by the beginning of it, or by its name, wherever a method takes one; `NoSuchJobError` is
    raised when nothing goes by that word, and `ServiceError` when Redis or the store cannot be reached.

    Example:
        >>> from farm import Farm
        >>> with Farm.connect() as farm:  # doctest: +SKIP
        ...     job = farm.submit({"render": {"model": "builtin:shapes", "prompt": "a red circle", "steps": [4, 8]}}).job
        ...     farm.wait(job, on_update=lambda update: print(update.status.images.done))
        ...     farm.fetch(job, "pictures")
        ...     farm.report(job).to_json()["totals"]

    Args:
        connection: Redis and the store.
    """

    def __init__(self, connection: Connection) -> None:
        self.connection = connection

    @classmethod
    def connect(cls, settings: "Settings | None" = None) -> Self:
        """The farm that the settings name; by default the settings that the command line reads too.

        Redis and the store are connected to when they are first needed.
        """
        if settings is None:
            from farm.settings import Settings

            settings = Settings.load()
        return cls(Connection(settings))

    def close(self) -> None:
        """Close the connections; a later call opens them again."""
        self.connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
