"""Jobs in the ledger: opening them, and how they stand."""

import json
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from farm.ledger.base import LedgerBase
from farm.ledger.boundary import guarded, translated
from farm.ledger.values import GroupEntry, JobEntry, JobState, JobStatus

#: Ranges of `again` that are read to see how much of a job waits; where there are more, as many of each group.
_AGAIN_READ = 1000
#: Failures that are read at once.
_FAILED_READ = 1000


@dataclass(frozen=True, slots=True)
class GroupLoad:
    """How much of a group waits, and how much of it is out."""

    group: GroupEntry
    #: Images that are neither settled nor out; a lower bound when very many ranges came back.
    waiting: int
    #: Ranges whose message nobody has claimed, and the images in them.
    sent: int
    sent_images: int
    #: Ranges under a lease.
    leased: int
    blocked: bool = False


@dataclass(frozen=True, slots=True)
class Look:
    """Everything that the coordinator asks of a job, as it was at one moment."""

    entry: JobEntry
    status: JobStatus
    loads: list[GroupLoad]
    #: The epoch in which the job was last compared with the store; empty when it never was.
    restored: str


@guarded
class Jobs(LedgerBase):
    """Every job of the farm: those under way, and those that ended, until they are forgotten."""

    def open(self, job: JobEntry) -> bool:
        """Make a job known; False when it is known already, and then nothing changes."""
        fields = {
            "name": job.name,
            "state": JobState.QUEUED.value,
            "images": str(job.images),
            "done": "0",
            "failed": "0",
            "gpu_s": "0",
            "priority": str(job.priority),
            "max_attempts": str(job.max_attempts),
            "range_size": str(job.range_size),
            "submitted_at": repr(job.submitted_at),
            "min_vram_gb": "" if job.min_vram_gb is None else repr(job.min_vram_gb),
            "keep_days": "" if job.keep_days is None else str(job.keep_days),
            "window": job.window or "",
            "finish_by": "" if job.finish_by is None else repr(job.finish_by),
        }
        groups = {
            str(group.number): {"start": group.start, "stop": group.stop, "queue": group.queue} for group in job.groups
        }
        return bool(
            self._run(
                "open",
                self._job(job.job_id),
                job.job_id,
                repr(job.submitted_at),
                json.dumps(fields),
                json.dumps(groups),
            )
        )

    def entry(self, job_id: str) -> JobEntry | None:
        """A job as it was opened, with its settings as they are now."""
        pipe = self.redis.pipeline(transaction=False)
        pipe.hgetall(self._job(job_id))
        pipe.hgetall(self._job(job_id, "groups"))
        fields, groups = pipe.execute()
        return _entry(job_id, fields, groups) if fields else None

    def job_ids(self) -> list[str]:
        """Every job the ledger knows, in order of submission."""
        found: Any = self.redis.zrange(self._key("jobs"), 0, -1)
        return list(found)

    def active(self) -> list[str]:
        """Jobs that are not finished, in order of submission; a cancelled one is until its results are written."""
        found: Any = self.redis.zrange(self._key("active"), 0, -1)
        return list(found)

    def jobs(self) -> list[JobStatus]:
        """How every job stands, in order of submission."""
        return self._statuses(self.job_ids())

    def status(self, job_id: str) -> JobStatus | None:
        """How a job stands; None when the ledger does not know it."""
        found = self._statuses([job_id])
        return found[0] if found else None

    def _statuses(self, job_ids: Iterable[str]) -> list[JobStatus]:
        names = list(job_ids)
        pipe = self.redis.pipeline(transaction=False)
        for job_id in names:
            pipe.hgetall(self._job(job_id))
            pipe.hgetall(self._job(job_id, "entries"))
        found = pipe.execute()
        rows = zip(names, found[::2], found[1::2], strict=True)
        return [_status(job_id, fields, entries) for job_id, fields, entries in rows if fields]

    def loads(self, job_id: str) -> list[GroupLoad]:
        """How much of every group of a job waits and is out."""
        look = self.look(job_id)
        return look.loads if look else []

    def look(self, job_id: str) -> Look | None:
        """A job, how it stands and what of it waits, in one round trip; None when the ledger does not know it."""
        pipe = self.redis.pipeline(transaction=False)
        pipe.hgetall(self._job(job_id))
        pipe.hgetall(self._job(job_id, "groups"))
        pipe.zrange(self._job(job_id, "again"), 0, _AGAIN_READ - 1)
        pipe.hgetall(self._job(job_id, "entries"))
        pipe.hkeys(self._job(job_id, "blocked"))
        fields, groups, again, entries, blocked = pipe.execute()
        if not fields:
            return None
        job = _entry(job_id, fields, groups)
        if len(again) == _AGAIN_READ:
            again = self._again(job)
        back = _came_back(job, again)
        out = [(_bounds(member), json.loads(text)) for member, text in entries.items()]
        return Look(
            entry=job,
            status=_status(job_id, fields, entries),
            loads=[_load(group, fields, back[group.number], out, blocked) for group in job.groups],
            restored=fields.get("restored", ""),
        )

    def _again(self, job: JobEntry) -> list[str]:
        """Ranges that came back, some of every group that has any: one group's never hide another's."""
        pipe = self.redis.pipeline(transaction=False)
        for group in job.groups:
            key = self._job(job.job_id, "again")
            pipe.zrangebyscore(key, group.start, group.stop - 1, start=0, num=_AGAIN_READ)
        return [member for found in pipe.execute() for member in found]

    def failures(self, job_id: str) -> dict[int, str]:
        """Quarantined positions, each with its sentence."""
        found: Any = self.redis.hgetall(self._job(job_id, "failed"))
        return {int(position): sentence for position, sentence in sorted(found.items(), key=lambda kv: int(kv[0]))}

    def each_failure(self, job_id: str) -> Iterator[tuple[int, str]]:
        """Quarantined positions one by one, in no order, each with its sentence: a million may have failed."""
        with translated(self.place):
            for position, sentence in self.redis.hscan_iter(self._job(job_id, "failed"), count=_FAILED_READ):
                yield int(position), sentence

    def blocked(self, job_id: str) -> dict[int, str]:
        """Blocked groups, each with its sentence."""
        found: Any = self.redis.hgetall(self._job(job_id, "blocked"))
        return {int(number): sentence for number, sentence in found.items()}

    def done_bits(self, job_id: str) -> bytes:
        """One bit per position, the first in the highest bit of the first byte; zeros at the end may be missing."""
        found: Any = self.redis.execute_command("GET", self._job(job_id, "done"), NEVER_DECODE=True)  # type: ignore[no-untyped-call]
        return found or b""

    def is_done(self, job_id: str, position: int) -> bool:
        """Whether a position is committed."""
        return bool(self.redis.getbit(self._job(job_id, "done"), position))

    def restored(self, job_id: str) -> str:
        """The epoch in which the job was last compared with the store; an empty text when it never was."""
        found: Any = self.redis.hget(self._job(job_id), "restored")
        return found or ""

    def is_fresh(self, job_id: str) -> bool:
        """Whether nothing of a job was dispatched yet, as far as the ledger remembers."""
        started, out = self.redis.hexists(self._job(job_id), "started_at"), self.redis.zcard(self._job(job_id, "out"))
        return not started and not out


def _bounds(member: str) -> tuple[int, int]:
    start, stop = member.split("-")
    return int(start), int(stop)


def _entry(job_id: str, fields: Mapping[str, str], groups: Mapping[str, str]) -> JobEntry:
    return JobEntry(
        job_id=job_id,
        name=fields["name"],
        images=int(fields["images"]),
        groups=tuple(
            GroupEntry(int(number), **json.loads(text)) for number, text in sorted(groups.items(), key=_number_first)
        ),
        submitted_at=float(fields["submitted_at"]),
        priority=int(float(fields["priority"])),
        max_attempts=int(float(fields["max_attempts"])),
        range_size=int(float(fields["range_size"])),
        min_vram_gb=float(fields["min_vram_gb"]) if fields["min_vram_gb"] else None,
        keep_days=int(fields["keep_days"]) if fields.get("keep_days") else None,
        window=fields.get("window") or None,
        finish_by=float(fields["finish_by"]) if fields.get("finish_by") else None,
    )


def _number_first(item: tuple[str, str]) -> int:
    return int(item[0])


def _leased(entries: Mapping[str, str]) -> tuple[int, str | None]:
    """Images in ranges under a lease that have no bit yet, and why the first of these that waits does."""
    total, trouble = 0, None
    for member, text in entries.items():
        entry = json.loads(text)
        if entry["state"] == "leased":
            start, stop = _bounds(member)
            total += max(0, stop - start - int(entry["new"]))
            trouble = trouble or entry.get("trouble")
    return total, trouble or None


def _came_back(job: JobEntry, again: Iterable[str]) -> Counter[int]:
    """Group -> images in its ranges that came back."""
    starts = [group.start for group in job.groups]
    found: Counter[int] = Counter()
    for start, stop in map(_bounds, again):
        found[job.groups[bisect_right(starts, start) - 1].number] += stop - start
    return found


def _load(
    group: GroupEntry,
    fields: Mapping[str, str],
    back: int,
    out: list[tuple[tuple[int, int], dict[str, Any]]],
    blocked: list[str],
) -> GroupLoad:
    mine = [(stop - start, entry["state"]) for (start, stop), entry in out if entry["group"] == group.number]
    sent = [size for size, state in mine if state == "sent"]
    return GroupLoad(
        group=group,
        waiting=group.stop - int(fields[f"cursor:{group.number}"]) + back,
        sent=len(sent),
        sent_images=sum(sent),
        leased=len(mine) - len(sent),
        blocked=str(group.number) in blocked,
    )


def _status(job_id: str, fields: Mapping[str, str], entries: Mapping[str, str]) -> JobStatus:
    running, trouble = _leased(entries)
    return JobStatus(
        job_id=job_id,
        name=fields["name"],
        state=JobState(fields["state"]),
        reason=fields.get("reason") or trouble or fields.get("waiting"),
        images=int(fields["images"]),
        done=int(fields["done"]),
        failed=int(fields["failed"]),
        running=running,
        priority=int(float(fields["priority"])),
        submitted_at=float(fields["submitted_at"]),
        started_at=float(fields["started_at"]) if "started_at" in fields else None,
        finished_at=float(fields["finished_at"]) if "finished_at" in fields else None,
        gpu_s=float(fields["gpu_s"]),
        cost_usd=float(fields["cost"]) if "cost" in fields else None,
        keep_days=int(fields["keep_days"]) if fields.get("keep_days") else None,
        finish_by=float(fields["finish_by"]) if fields.get("finish_by") else None,
    )
