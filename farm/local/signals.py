"""How a supervisor is told to end: the first signal raises, every later one means hurry."""

import signal
from types import FrameType
from typing import Self

_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Stopped(BaseException):
    """The first signal to end, raised in the main thread wherever it is."""


class Signals:
    """Inside the block, SIGINT, SIGTERM and SIGHUP end it in order."""

    def __init__(self) -> None:
        self._count = 0
        self._before = [signal.getsignal(number) for number in _ENDING]

    def __enter__(self) -> Self:
        for number in _ENDING:
            signal.signal(number, self._receive)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in zip(_ENDING, self._before, strict=True):
            signal.signal(number, handler)

    @property
    def hurry(self) -> bool:
        """Whether the user has asked twice."""
        return self._count > 1

    def ignore_first(self) -> None:
        """From now on a signal only means hurry: the end has begun already."""
        self._count = max(self._count, 1)

    def _receive(self, _number: int, _frame: FrameType | None) -> None:
        self._count += 1
        if self._count == 1:
            raise Stopped
