"""What is done to jobs: steering, ending, forgetting and restoring them."""

import json
from collections.abc import Iterable, Mapping

from farm.ledger.base import LedgerBase
from farm.ledger.boundary import guarded
from farm.ledger.values import JobState


@guarded
class Steering(LedgerBase):
    """Changes to jobs that the ledger knows; each is one Lua script where it is more than a field."""

    def set_control(
        self, job_id: str, *, state: JobState | None = None, reason: str | None = None, **settings: float | None
    ) -> JobState | None:
        """Change a job, after its control object was written.

        Args:
            job_id: the job; one that is over keeps its state.
            state: `PAUSED`, `RUNNING` (resumes) or `CANCELLED`; replaces the reason too.
            reason: why, for the user.
            settings: `priority`, `max_attempts`, `range_size`, `min_vram_gb`, `keep_days`; a job that is over takes
                them too.

        Returns:
            The job's state afterwards, None for an unknown job.
        """
        flat = [part for name, value in settings.items() for part in (name, "" if value is None else str(value))]
        found = self._run("control", self._job(job_id), state or "", reason or "", *flat)
        return JobState(found) if found else None

    def control_number(self, job_id: str, *, greatest: int) -> int:
        """The number of a job's next control object, after the `greatest` that the store has."""
        return int(self._run("number", self._job(job_id), greatest))

    def set_waiting(self, job_id: str, sentence: str | None) -> None:
        """Say why nothing of a job can be rendered now; None when it can."""
        key = self._job(job_id)
        if sentence is None:
            self.redis.hdel(key, "waiting")
        elif self.redis.hexists(key, "state"):
            self.redis.hset(key, "waiting", sentence)

    def block_group(self, job_id: str, group: int, sentence: str) -> int:
        """Count a group's remaining positions as failed, once; how many those are."""
        return int(self._run("block", self._job(job_id), group, sentence))

    def take_back(self, job_id: str, queue: str) -> int:
        """Return a queue's unclaimed ranges to `again`; how many ranges those are."""
        return int(self._run("take_back", self._job(job_id), queue))

    def retry(self, job_id: str) -> int:
        """Give what failed another chance; how many images go back to work."""
        return int(self._run("retry", self._job(job_id), job_id))

    def finish(
        self,
        job_id: str,
        state: JobState,
        reason: str | None = None,
        *,
        finished_at: float | None = None,
        if_over: bool = False,
        **totals: float | None,
    ) -> bool:
        """Note that a job is over and its results are in the store.

        Args:
            job_id: the job.
            state: how it ended.
            reason: why, when it failed or was cancelled.
            finished_at: now, unless the store says otherwise.
            if_over: refuse when images are left to render.
            totals: `done`, `failed`, `gpu_s`, `cost`, `started_at`, where they are known better than counted here.

        Returns:
            False when the job is unknown, or was retried meanwhile and `if_over` asked for that.
        """
        at = self.now() if finished_at is None else finished_at
        known = {name: value for name, value in totals.items() if value is not None}
        flat = [part for name, value in known.items() for part in (name, f"{value!r}")]
        key, guard = self._job(job_id), "1" if if_over else ""
        return bool(self._run("finish", key, job_id, state, reason or "", repr(at), guard, *flat))

    def forget(self, job_id: str) -> None:
        """Drop every key of a job."""
        parts = ("done", "out", "entries", "again", "failed", "strikes", "blocked", "groups", "lost")
        pipe = self.redis.pipeline()
        pipe.delete(self._job(job_id), *(self._job(job_id, part) for part in parts))
        pipe.zrem(self._key("jobs"), job_id)
        pipe.zrem(self._key("active"), job_id)
        pipe.execute()

    def set_restored(self, job_id: str, epoch: str) -> None:
        """Note that the store has nothing to say about a job yet."""
        if self.redis.hexists(self._job(job_id), "state"):
            self.redis.hset(self._job(job_id), "restored", epoch)

    def restore(  # noqa: PLR0913 by name
        self,
        job_id: str,
        *,
        done: bytes,
        failed: Mapping[int, str],
        waiting: Iterable[tuple[int, int]],
        epoch: str,
        started_at: float | None = None,
    ) -> None:
        """Put a job as the store tells it into the ledger; what is out stays out.

        Args:
            job_id: the job, opened before the store was asked.
            done: bitmap of rendered positions, as `done_bits` gives it.
            failed: quarantined positions, each with its sentence.
            waiting: every other position, as ranges that lie within one group each.
            epoch: the epoch it was asked for in.
            started_at: when the first range was claimed, if the store knows.
        """
        failures = {str(position): sentence for position, sentence in failed.items()}
        gaps = [list(gap) for gap in waiting]
        started = "" if started_at is None else repr(started_at)
        key = self._job(job_id)
        self._run("restore", key, done, json.dumps(failures), json.dumps(gaps), epoch, started)
