"""The two services a client talks to, each connected to when it is first needed."""

from functools import cached_property
from typing import TYPE_CHECKING

from farm.errors import LedgerError

if TYPE_CHECKING:
    from farm.ledger.ledger import Ledger
    from farm.settings import Settings
    from farm.store.store import Store


class Connection:
    """Redis and the store of one farm.

    Connecting late keeps a status as cheap as it can be, and lets a report be read while Redis is down.

    Args:
        settings: where they are.
    """

    def __init__(self, settings: "Settings") -> None:
        self.settings = settings

    @cached_property
    def ledger(self) -> "Ledger":
        """The ledger in Redis; raises `LedgerError`."""
        from farm.ledger.ledger import Ledger
        from farm.local.lock import fallen

        try:
            return Ledger.connect(self.settings)
        except LedgerError as error:
            raise LedgerError(fallen(self.settings) or str(error)) from error

    @cached_property
    def store(self) -> "Store":
        """The store in S3; raises `StoreError`."""
        from farm.store.s3 import S3Store

        return S3Store.from_settings(self.settings)

    def close(self) -> None:
        """Close what was opened; the next use opens it again."""
        ledger: Ledger | None = self.__dict__.pop("ledger", None)
        if ledger is not None:
            ledger.redis.close()
        self.__dict__.pop("store", None)
