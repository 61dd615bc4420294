"""The only place a key of the store is spelled."""

import re
import sys
from typing import NamedTuple

from farm.plan.ranges import WorkRange
from farm.profile.outcome import Outcome, Token

JOBS = "jobs/"
COSTS = "costs/"
#: Seconds count down from here, so that later comes first.
_LAST_SECOND = 10**12 - 1
_RECORD = re.compile(r"(?P<start>\d+)-(?P<stop>\d+)-(?P<epoch>[^.]+)\.(?P<counter>\d+)-(?P<outcome>[a-z]+)\.json$")
_CONTROL = re.compile(r"(?P<number>\d+)-(?P<what>[a-z]+)\.json$")


class RecordName(NamedTuple):
    """What the name of a record says without reading it."""

    range: WorkRange
    token: Token
    outcome: Outcome


def job(job_id: str) -> str:
    """Folder of a job, with its trailing slash."""
    return f"{JOBS}{job_id}/"


def manifest(job_id: str) -> str:
    """The manifest as submitted."""
    return f"{job(job_id)}manifest.yaml"


def plan(job_id: str) -> str:
    """The plan: written last of a submit, so a job exists when this object does."""
    return f"{job(job_id)}job.json"


def rows(job_id: str, part: int) -> str:
    """A part of a table's or long axis's rows, in execution order."""
    return f"{job(job_id)}rows/part-{part}.parquet"


def control(job_id: str, number: int, what: str) -> str:
    """One control object; numbers order them."""
    return f"{job(job_id)}control/{number:06}-{what}.json"


def controls(job_id: str) -> str:
    """Folder of the control objects."""
    return f"{job(job_id)}control/"


def parse_control(key: str) -> tuple[int, str] | None:
    """Number and verb of a control object's key."""
    found = _CONTROL.search(key)
    return (int(found["number"]), found["what"]) if found else None


def image(job_id: str, name: str) -> str:
    """A picture."""
    return f"{job(job_id)}images/{name}"


def images(job_id: str) -> str:
    """Folder of the pictures."""
    return f"{job(job_id)}images/"


def record(rng: WorkRange, token: Token, outcome: Outcome) -> str:
    """The record of one contiguous sub-range of an attempt with one outcome."""
    return f"{records(rng.job_id)}{rng.start}-{rng.stop}-{token}-{outcome}.json"


def records(job_id: str) -> str:
    """Folder of the records."""
    return f"{job(job_id)}records/"


def parse_record(job_id: str, key: str) -> RecordName | None:
    """What a record's key says; None for a key that is no record."""
    found = _RECORD.search(key)
    if found is None:
        return None
    return RecordName(
        WorkRange(job_id, int(found["start"]), int(found["stop"])),
        Token(sys.intern(found["epoch"]), int(found["counter"])),  # one text for all the records of a job
        Outcome(found["outcome"]),
    )


def table(job_id: str, name: str, part: int) -> str:
    """A part of a Parquet table of the job: ``images``, ``attempts`` or ``batches``."""
    return f"{tables(job_id)}{name}-{part}.parquet"


def tables(job_id: str) -> str:
    """Folder of the tables."""
    return f"{job(job_id)}tables/"


def results(job_id: str) -> str:
    """One line per finished task."""
    return f"{job(job_id)}results.jsonl"


def errors(job_id: str) -> str:
    """One line per failed task, resubmittable as it is."""
    return f"{job(job_id)}errors.jsonl"


def report(job_id: str) -> str:
    """The self-contained report page."""
    return f"{job(job_id)}report/index.html"


def finished(job_id: str) -> str:
    """State and totals of a job that ended."""
    return f"{job(job_id)}finished.json"


def costs(job_id: str, *, started_at: float) -> str:
    """What a finished job measured; the newest job's sorts first, so that a reader of some reads the newest.

    Args:
        job_id: the job; it may be removed, and what it measured stays.
        started_at: when its first range was claimed, POSIX seconds.
    """
    return f"{COSTS}{_LAST_SECOND - int(started_at):012}-{job_id}.json"


def session(worker: str, session_id: str) -> str:
    """A worker session's own ledger of seconds."""
    return f"workers/{worker}/{session_id}.json"


def sessions(worker: str) -> str:
    """Folder of a worker's sessions."""
    return f"workers/{worker}/"


def model(name: str, revision: str) -> str:
    """Folder of a submitter's model, with its trailing slash."""
    return f"models/{name}-{revision}/"


def model_file(name: str, revision: str, path: str) -> str:
    """A file of a submitter's model."""
    return f"{model(name, revision)}{path}"


def inventory(name: str, revision: str, variant: str | None) -> str:
    """What a submitter's model consists of: written last, so the model is all there when this object is."""
    return f"{model(name, revision)}complete{f'.{variant}' if variant else ''}.json"
