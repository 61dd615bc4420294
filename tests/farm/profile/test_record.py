import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from farm.profile.outcome import Outcome
from farm.profile.record import BatchRecord, ErrorInfo, ImageRecord, Record, WorkerInfo

_SECONDS = st.floats(0, 1e6, allow_nan=False)
_COUNTS = st.integers(0, 2**31)
_TEXT = st.text(max_size=12)
_WORKERS = st.builds(WorkerInfo, vram_gb=st.none() | _SECONDS, price_per_hour=st.none() | _SECONDS)
_BATCHES = st.builds(
    BatchRecord, step_s=st.lists(_SECONDS, max_size=3), guidance_scale=st.none() | _SECONDS, started_at=_SECONDS,
    encode_prompt_s=_SECONDS, denoise_s=_SECONDS, decode_s=_SECONDS, post_s=_SECONDS,
)  # fmt: skip
_IMAGES = st.builds(ImageRecord, seed=st.integers(0, 2**64 - 1), encode_s=_SECONDS, upload_s=_SECONDS)
_RECORDS = st.builds(
    Record, worker=_WORKERS, batches=st.lists(_BATCHES, max_size=2), images=st.lists(_IMAGES, max_size=2),
    error=st.none() | st.builds(ErrorInfo), queued_at=_SECONDS, claimed_at=_SECONDS, started_at=_SECONDS,
    finished_at=_SECONDS, load_s=_SECONDS, busy_s=_SECONDS,
)  # fmt: skip


@given(_RECORDS)
def test_a_stored_record_reads_back_as_it_was(record: Record) -> None:
    """Every float and every seed of 64 bits: what was charged is what is billed."""
    assert Record.model_validate_json(record.model_dump_json()) == record


@given(_RECORDS, st.dictionaries(st.text(min_size=1).map("later_{}".format), _COUNTS | _TEXT, max_size=2))
def test_a_later_farm_may_say_more(record: Record, more: dict[str, Any]) -> None:
    """Fields that this farm does not know are passed over, so that old readers read new records."""
    known = json.loads(record.model_dump_json())
    assert Record.model_validate_json(json.dumps(known | more)) == record


@pytest.mark.parametrize("missing", ["worker", "busy_s", "outcome", "epoch", "batches"])
def test_a_record_without_what_is_billed_is_no_record(missing: str) -> None:
    """Nothing is made up where a field is gone."""
    found = minimal().model_dump(mode="json")
    del found[missing]
    with pytest.raises(ValidationError, match=missing):
        Record.model_validate(found)


def test_a_record_is_frozen() -> None:
    """What was measured stays so."""
    with pytest.raises(ValidationError):
        minimal().busy_s = math.pi


def minimal() -> Record:
    """A record of nothing but its frame."""
    worker = WorkerInfo(id="w", session="s", host="h", device="cpu", gpu="CPU", vram_gb=None, price_per_hour=None)
    return Record(
        job="j", start=0, stop=1, epoch="1x0", counter=1, outcome=Outcome.RETURNED, worker=worker, queued_at=0.0,
        claimed_at=1.0, started_at=1.0, finished_at=2.0, load_s=0.0, busy_s=1.0, batches=[], images=[],
    )  # fmt: skip
