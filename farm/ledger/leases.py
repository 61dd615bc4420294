"""The seven scripts that decide who renders what: DESIGN's ledger of work."""

import json
from collections.abc import Mapping, Sequence

from farm.ledger.base import LedgerBase
from farm.ledger.boundary import guarded
from farm.ledger.values import Expired, FailedPart, Lease, Progress, Refusal, Signal
from farm.plan.ranges import WorkRange
from farm.profile.outcome import Token


def _text(number: float | None) -> str:
    return "" if number is None else repr(float(number))


def read_token(text: str) -> Token:
    """A token as scripts write it: ``epoch.counter``."""
    epoch, _, counter = text.rpartition(".")
    return Token(epoch, int(counter))


@guarded
class Leases(LedgerBase):
    """Dispatch, claim, renew, commit, give back, fail and sweep; each is one Lua script, described in its file."""

    def dispatch(self, job_id: str, group: int, size: int) -> WorkRange | None:
        """Take the next range of a group, at most `size` images; it is outstanding from now on.

        None when nothing of the group waits, the job does not run, or the group is blocked.
        """
        found = self._run("dispatch", self._job(job_id), group, size)
        return WorkRange(job_id, int(found[0]), int(found[1])) if found else None

    def claim(self, rng: WorkRange, *, worker: str) -> Lease | Refusal:
        """Lease the range that a message names, or say why not."""
        answer, *rest = self._run("claim", self._job(rng.job_id), rng.start, rng.stop, worker, self.lease)
        if answer != "granted":
            return Refusal(answer)
        epoch, counter, queued_at, claimed_at = rest
        return Lease(rng, Token(epoch, int(counter)), self.lease, float(queued_at), float(claimed_at))

    def renew(self, lease: Lease, *, worker: str, progress: Progress) -> Signal:
        """Extend a lease while its token is current and its progress moves; carries live progress."""
        rng = lease.range
        fields = {
            "ticks": progress.ticks,
            "doing": progress.doing,
            "step": progress.step,
            "steps": progress.steps,
            "images": progress.images,
            "busy_s": progress.busy_s,
            "patience_s": progress.patience_s,
            "trouble": progress.trouble,
        }
        answer = self._run(
            "renew",
            self._job(rng.job_id),
            rng.start,
            rng.stop,
            str(lease.token),
            worker,
            self.lease,
            json.dumps(fields),
        )
        return Signal(answer)

    def commit(self, lease: Lease, start: int, stop: int, *, seconds: float, price: float | None) -> list[int]:
        """Commit pictures whose record is in the store; the positions that were new, for the first commit wins.

        Args:
            lease: what they were rendered under; a stale token may still commit.
            start: first position of the rendered sub-range.
            stop: its end, exclusive.
            seconds: busy seconds of the GPU thread to charge to the job.
            price: the worker's price per hour, None when it has none.
        """
        rng = lease.range
        new = self._run(
            "commit",
            self._job(rng.job_id),
            rng.start,
            rng.stop,
            str(lease.token),
            start,
            stop,
            _text(seconds),
            _text(price),
        )
        return [int(position) for position in new]

    def give_back(self, lease: Lease, *, seconds: float = 0.0, price: float | None = None) -> None:
        """Close an attempt without a strike: its positions without a bit return."""
        rng = lease.range
        self._run(
            "give_back",
            self._job(rng.job_id),
            rng.start,
            rng.stop,
            str(lease.token),
            _text(seconds),
            _text(price),
        )

    def fail(  # noqa: PLR0913 by name
        self,
        lease: Lease,
        *,
        failed: Sequence[FailedPart | tuple[int, int]],
        worker: str,
        error: str = "",
        seconds: float = 0.0,
        price: float | None = None,
    ) -> list[int]:
        """Close an attempt with failures.

        A failed sub-range comes back halved, a single failed task gets a strike, and what is certain to fail again
        is given up at once; every other position without a bit returns unpunished.

        Args:
            lease: the attempt.
            failed: what failed, each part with its sentence.
            worker: who reports it: strikes of different workers quarantine.
            error: the sentence of parts that are given as ``(start, stop)``.
            seconds: busy seconds of the GPU thread to charge to the job.
            price: the worker's price per hour, None when it has none.

        Returns:
            The positions that went into quarantine.
        """
        rng = lease.range
        parts = [part if isinstance(part, FailedPart) else FailedPart(*part, error) for part in failed]
        found = self._run(
            "fail",
            self._job(rng.job_id),
            rng.start,
            rng.stop,
            str(lease.token),
            json.dumps([[part.start, part.stop, part.sentence, part.certain] for part in parts]),
            worker,
            _text(seconds),
            _text(price),
        )
        return [int(position) for position in found]

    def sweep(
        self, job_id: str, *, grace: float, queue_lengths: Mapping[str, int]
    ) -> tuple[list[Expired], list[WorkRange]]:
        """Find expired leases and lost messages.

        Args:
            job_id: the job to look through.
            grace: seconds after which a sent range whose queue is empty counts as a lost message.
            queue_lengths: messages that wait in the broker, by queue; a queue that is not named counts as not empty.

        Returns:
            The attempts that expired, now and in earlier sweeps, until `lost_written` takes note of them; and the
            ranges whose message is to be sent again.
        """
        lost, again = self._run("sweep", self._job(job_id), grace, json.dumps(dict(queue_lengths)))
        starts, stops = again[::2], again[1::2]
        ranges = [WorkRange(job_id, int(start), int(stop)) for start, stop in zip(starts, stops, strict=True)]
        return sorted((_expired(job_id, text) for text in lost), key=lambda found: found.range), ranges

    def lost_written(self, job_id: str, expired: Sequence[Expired]) -> None:
        """Take note that the records of expired attempts are in the store."""
        if expired:
            self.redis.hdel(self._job(job_id, "lost"), *(str(found.token) for found in expired))


def _expired(job_id: str, text: str) -> Expired:
    found = json.loads(text)
    return Expired(
        range=WorkRange(job_id, found["start"], found["stop"]),
        token=read_token(found["token"]),
        worker=found["worker"],
        claimed_at=found["claimed_at"],
        renewed_at=found["renewed_at"],
        queued_at=found["queued_at"],
        busy_s=found["busy_s"],
        quarantined=tuple(found.get("quarantined", ())),
    )
