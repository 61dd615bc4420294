"""A child that is started again whenever it ends."""

import logging
import time
from collections.abc import Callable

from farm.errors import FarmError
from farm.local.process import Process

log = logging.getLogger(__name__)

#: Seconds before the first start again; doubled each time up to the longest.
FIRST_DELAY = 0.5
LONGEST_DELAY = 30.0
#: Seconds a child must have run for its earlier ends to be forgotten.
SETTLED = 60.0


def delay(ends: int) -> float:
    """Seconds to wait before a child that has ended so many times in a row is started again."""
    return float(min(LONGEST_DELAY, FIRST_DELAY * 2 ** min(ends - 1, 30)))


class Kept:
    """A child process and its restarts.

    Args:
        name: what the log calls it.
        start: starts the process.
        process: the process, when it runs already.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        name: str,
        start: Callable[[], Process],
        *,
        process: Process | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name = name
        #: How often in a row it ended soon after it was started.
        self.ends = 0
        #: Why it ended, for a person.
        self.words = ""
        self._start, self._clock = start, clock
        self.process = process or start()
        self._started_at = clock()
        self._again_at: float | None = None

    @property
    def running(self) -> bool:
        """Whether its process lives, as far as `tend` has seen."""
        return self._again_at is None and self.process.ended is None

    def tend(self) -> bool:
        """Look after it once; whether a new process was started."""
        if self._again_at is None:
            if self.process.ended is not None:
                self._note_end()
            return False
        if self._clock() < self._again_at:
            return False
        try:
            self.process = self._start()
        except (FarmError, OSError) as error:
            self._plan(str(error))
            return False
        self._started_at, self._again_at = self._clock(), None
        log.info("Started %s again (process %s)", self.name, self.process.pid, extra={"action": "child_started"})
        return True

    def _note_end(self) -> None:
        self.process.kill()  # what its group left
        if self._clock() - self._started_at > SETTLED:
            self.ends = 0
        code = self.process.ended or 0
        how = f"was ended by signal {-code}" if code < 0 else f"ended with exit code {code}"
        said = self.process.last_words()
        self._plan(f"{how}: {said}" if said else how)

    def _plan(self, words: str) -> None:
        self.ends, self.words = self.ends + 1, words
        seconds = delay(self.ends)
        self._again_at = self._clock() + seconds
        log.warning("%s %s; starting it again in %.3g s", self.name, words, seconds, extra={"action": "child_ended"})
