import pytest
from hypothesis import given
from hypothesis import strategies as st

from farm.plan.ranges import WorkRange
from farm.profile.outcome import Outcome, Token
from farm.store import keys

JOB = "mugs-1a2b"


def test_everything_of_a_job_lies_below_it() -> None:
    """One listing finds, and one deletion removes, a whole job."""
    names = [
        keys.manifest(JOB), keys.plan(JOB), keys.rows(JOB, 0), keys.control(JOB, 1, "set"), keys.image(JOB, "a/b.png"),
        keys.record(WorkRange(JOB, 0, 8), Token("e", 1), Outcome.RENDERED), keys.table(JOB, "images", 0),
        keys.results(JOB), keys.errors(JOB), keys.report(JOB), keys.finished(JOB),
    ]  # fmt: skip
    assert all(name.startswith(keys.job(JOB)) for name in names)
    assert len(set(names)) == len(names)
    assert keys.job(JOB).startswith(keys.JOBS)


def test_keys_are_as_the_design_spells_them() -> None:
    """Other tools read the store by these names."""
    assert keys.plan(JOB) == "jobs/mugs-1a2b/job.json"
    assert keys.image(JOB, "a.png") == keys.images(JOB) + "a.png" == "jobs/mugs-1a2b/images/a.png"
    assert keys.rows(JOB, 2) == "jobs/mugs-1a2b/rows/part-2.parquet"
    assert keys.table(JOB, "attempts", 1) == "jobs/mugs-1a2b/tables/attempts-1.parquet"
    assert keys.session("w", "s") == keys.sessions("w") + "s.json" == "workers/w/s.json"


@given(
    start=st.integers(0, 10**9),
    size=st.integers(1, 10**6),
    epoch=st.from_regex(r"[0-9a-f]{1,20}(-[0-9a-f]{1,8})?", fullmatch=True),
    counter=st.integers(0, 10**9),
    outcome=st.sampled_from(Outcome),
)
def test_a_records_name_says_what_it_holds(start: int, size: int, epoch: str, counter: int, outcome: Outcome) -> None:
    """Redis is rebuilt from names alone: what goes into one comes out of it."""
    rng, token = WorkRange(JOB, start, start + size), Token(epoch, counter)
    key = keys.record(rng, token, outcome)
    assert key.startswith(keys.records(JOB))
    assert keys.parse_record(JOB, key) == keys.RecordName(rng, token, outcome)


@pytest.mark.parametrize("key", ["jobs/x/job.json", "jobs/x/records/", "jobs/x/records/1-2.json", ""])
def test_what_is_no_record_is_none(key: str) -> None:
    """A stray object among the records is passed over."""
    assert keys.parse_record("x", key) is None


def test_controls_are_ordered_by_their_number() -> None:
    """Later words outrank earlier ones, past ten and past a hundred too."""
    names = [keys.control(JOB, number, "pause") for number in (1, 2, 10, 100)]
    assert names == sorted(names)
    assert all(name.startswith(keys.controls(JOB)) for name in names)
    assert [keys.parse_control(name) for name in names][2] == (10, "pause")
    assert keys.parse_control(keys.plan(JOB)) is None


def test_a_model_has_a_folder_of_its_own() -> None:
    """Its files below their own paths, and for each variant what it consists of."""
    assert keys.model("mugs", "0f") == "models/mugs-0f/"
    assert keys.model_file("mugs", "0f", "unet/config.json") == "models/mugs-0f/unet/config.json"
    assert keys.inventory("mugs", "0f", None) == "models/mugs-0f/complete.json"
    assert keys.inventory("mugs", "0f", "fp16") == "models/mugs-0f/complete.fp16.json"


def test_costs_of_the_newest_job_sort_first() -> None:
    """A reader of some objects reads those of the newest jobs, and they lie outside every job's folder."""
    found = [keys.costs("mugs", started_at=at) for at in (2_000_000_000.5, 1_700_000_000.0, 0.0)]
    assert found == sorted(found)
    assert all(key.startswith(keys.COSTS) and key.endswith("-mugs.json") for key in found)
