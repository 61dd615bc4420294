"""Reading many objects: several at a time, in order, in bounded memory."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Name = TypeVar("Name")
Value = TypeVar("Value")

#: GETs in flight: enough to hide a remote store's latency, few enough for a laptop's.
THREADS = 16


def ahead(read: Callable[[Name], Value], names: Iterable[Name]) -> Iterator[Value]:
    """Map in order with a bounded number of reads ahead, so that memory does not follow the number of objects."""
    waiting: deque[Future[Value]] = deque()
    pool = ThreadPoolExecutor(THREADS)
    try:
        for name in names:
            waiting.append(pool.submit(read, name))
            if len(waiting) > 2 * THREADS:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)  # after an error or Ctrl-C nobody waits for what has not begun
