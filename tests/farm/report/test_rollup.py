from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING, Any, cast

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from farm.profile.outcome import Outcome
from farm.report import slices
from farm.report.report import build
from farm.report.rollup import StoppedError, finish
from farm.store import keys
from tests.farm.report.oracle import Oracle, same

if TYPE_CHECKING:
    from farm.plan.plan import Plan
    from tests.farm.report.conftest import Farm


@pytest.fixture
def sliced(monkeypatch: pytest.MonkeyPatch) -> None:
    """Slices of three positions."""
    monkeypatch.setattr(slices, "SLICE", 3)


def lines(data: bytes) -> list[dict[str, Any]]:
    """JSON Lines as a list."""
    return [json.loads(line) for line in data.decode().splitlines()]


def test_results_hold_one_line_per_picture_in_the_users_order(rendered: Farm) -> None:
    """Execution order is the farm's affair; the user reads results by index."""
    rendered.finish()
    read = lines(rendered.store.get(keys.results("mugs")))
    assert [line["index"] for line in read] == list(range(8))
    first = read[0]
    assert first["key"] == "jobs/mugs/images/000000.png"
    assert first["seed"] == 2**64 - 1
    assert first["meta"] == {"tag": "a"}
    assert first["steps"] == 10
    assert first["seconds"] == pytest.approx(1.5)
    assert first["cost_usd"] == pytest.approx(0.0015)
    assert first["worker"] == "w1"
    assert rendered.store.get(keys.errors("mugs")) == b""


def test_errors_hold_one_row_per_failed_task(farm: Farm) -> None:
    """A failed task is a row of our own format with its error, and it keeps its own labels."""
    farm.record(0, 3, 1)
    farm.record(3, 4, 1, outcome=Outcome.FAILED)
    totals = farm.finish(failures={3: "black picture"}, blocked={1: "no such model"})
    rows = lines(farm.store.get(keys.errors("mugs")))
    assert [row["error"] for row in rows] == ["no such model"] * 3 + ["black picture", "no such model"]
    assert rows[3] == {
        "model": "builtin:shapes",
        "dtype": "auto",
        "prompt": "prompt 3",
        "negative_prompt": "",
        "seed": 2**64 - 4,
        "steps": 10,
        "scheduler": "euler",
        "guidance_scale": 5.0,
        "width": 64,
        "height": 64,
        "custom_id": "c3",
        "meta": {"tag": "a"},
        "error": "black picture",
    }
    assert (totals["done"], totals["failed"], totals["images"]) == (3, 5, 8)


def test_a_picture_outranks_a_failure(rendered: Farm) -> None:
    """A stale attempt that delivered after the task was given up leaves no error behind."""
    totals = rendered.finish(failures={3: "gave up"}, blocked={0: "no such model"})
    assert rendered.store.get(keys.errors("mugs")) == b""
    assert totals["failed"] == 0


def test_a_duplicate_is_written_once(rendered: Farm) -> None:
    """Two attempts at one range give one line per picture, from the older token, and the younger one is waste."""
    rendered.record(2, 4, 9, at=130.0)
    totals = rendered.finish()
    assert len(lines(rendered.store.get(keys.results("mugs")))) == 8
    assert totals["wasted_s"] == pytest.approx(3.0)


def test_a_partly_late_attempt_gives_only_what_was_missing(farm: Farm) -> None:
    """Of two attempts that overlap, each picture's line names the worker whose picture counts."""
    farm.record(0, 4, 1)
    farm.record(2, 8, 2, at=130.0, worker=farm.worker.model_copy(update={"id": "w2"}))
    totals = farm.finish()
    by_id = {line["custom_id"]: line["worker"] for line in lines(farm.store.get(keys.results("mugs")))}
    assert by_id == {f"c{position}": "w1" if position < 4 else "w2" for position in range(8)}
    assert (totals["done"], totals["bytes"]) == (8, 8000)


@pytest.mark.usefixtures("sliced")
def test_a_job_of_many_slices_is_written_in_order(farm: Farm) -> None:
    """However the positions are cut, results are in the user's order and tables hold a part per slice."""
    for counter, start in enumerate(range(0, 8, 2), 1):
        farm.record(start, start + 2, counter)
    totals = farm.finish()
    assert [line["index"] for line in lines(farm.store.get(keys.results("mugs")))] == list(range(8))
    names = [key.rpartition("/")[2] for key in farm.store.list(keys.tables("mugs"))]
    assert names == [f"{name}-{part}.parquet" for name in ("attempts", "batches", "images") for part in (0, 1, 2)]
    parts = [pl.read_parquet(io.BytesIO(farm.store.get(keys.table("mugs", "images", part)))) for part in (0, 1, 2)]
    assert sorted(pl.concat(parts)["position"]) == list(range(8))
    assert all(part["index"].is_sorted() for part in parts)
    assert totals["done"] == 8


def test_parts_of_another_cut_are_removed(rendered: Farm) -> None:
    """A farm of another version left more parts: whoever reads the folder reads every picture once."""
    rendered.store.put(keys.table("mugs", "images", 7), b"old")
    rendered.store.put(keys.tables("mugs") + "notes.txt", b"old")
    rendered.finish()
    assert len(list(rendered.store.list(keys.tables("mugs")))) == 3


@pytest.mark.usefixtures("sliced")
def test_a_stop_leaves_the_rest_to_the_next_one(farm: Farm) -> None:
    """Between two slices a coordinator may end; the parts it wrote stay, and nothing else is there."""
    for counter, start in enumerate(range(0, 8, 2), 1):
        farm.record(start, start + 2, counter)
    asked = iter([False, True])
    with pytest.raises(StoppedError):
        finish(store=farm.store, plan=cast("Plan", farm.plan), failures=(), blocked={}, stopped=lambda: next(asked))
    assert len(list(farm.store.list(keys.tables("mugs")))) == 6
    assert not farm.store.exists(keys.results("mugs"))
    whole = type(farm)()
    for counter, start in enumerate(range(0, 8, 2), 1):
        whole.record(start, start + 2, counter)
    assert farm.finish() == whole.finish()
    assert {key: item.data for key, item in farm.store.objects.items()} == {
        key: item.data for key, item in whole.store.objects.items()
    }


_RECORDS = st.lists(
    st.tuples(
        st.integers(0, 22),
        st.integers(1, 7),
        st.sampled_from([Outcome.RENDERED, Outcome.RENDERED, *Outcome]),
        st.integers(1, 9),
        st.sampled_from(["w1", "w2", "w3"]),
        st.integers(0, 3),
    ),
    max_size=14,
)


@pytest.mark.usefixtures("sliced")
@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(records=_RECORDS, rolled=st.integers(0, 14), reported=st.booleans())
def test_tables_results_and_report_are_what_the_records_say(
    farm: Farm,
    records: list[tuple[int, int, Outcome, int, str, int]],
    rolled: int,
    reported: bool,  # noqa: FBT001 hypothesis fills it in
) -> None:
    """Overlaps, losers, lost attempts, late records with early tokens, retries: from slices as from the records.

    Some of the records come after the tables were rolled up for the first time.
    """
    farm = type(farm)(plan=type(farm.plan)(prompts=10, steps=(2, 4, 8)))
    for number, record in enumerate(records):
        if number == rolled:
            farm.finish()
        write(farm, number, *record)
    oracle = Oracle.of(farm.store, "mugs")
    totals = farm.finish()
    expected = oracle.totals()
    assert {name: totals[name] for name in expected if name != "images"} == pytest.approx(
        {name: value for name, value in expected.items() if name != "images"}
    )
    assert (totals["done"], totals["bytes"]) == (len(oracle.winners), 1000 * len(oracle.winners))
    found, wanted = lines(farm.store.get(keys.results("mugs"))), oracle.results(cast("Plan", farm.plan))
    assert len(found) == len(wanted)
    assert all(same(line, other) for line, other in zip(found, wanted, strict=True))
    if not reported:
        farm.store.delete(list(farm.store.list(keys.tables("mugs"))))
    oracle.check(build(farm.data()))


def write(farm: Farm, number: int, start: int, size: int, outcome: Outcome, token: int, worker: str, load: int) -> None:  # noqa: PLR0913, PLR0917 one record
    """A record; a later one of the same name and token replaces it, as a store does."""
    end = min(start + size, 10 * (start // 10 + 1))
    who = farm.worker.model_copy(
        update={"id": worker, "session": f"{worker}-s", "price_per_hour": None if worker == "w3" else 3.6}
    )
    farm.record(start, end, token, outcome=outcome, worker=who, at=100.0 + 10 * number, load=load)


def test_running_it_again_writes_the_same_bytes(rendered: Farm) -> None:
    """A coordinator that died in the middle leaves the work to the next one."""
    first = rendered.finish()
    before = {key: item.data for key, item in rendered.store.objects.items()}
    assert rendered.finish() == first
    assert {key: item.data for key, item in rendered.store.objects.items()} == before


def test_totals_are_plain_json(rendered: Farm) -> None:
    """What `finished.json` holds: counts, seconds, cost."""
    totals = rendered.finish()
    assert json.loads(json.dumps(totals)) == totals
    assert totals["gpu_s"] == pytest.approx(2.0 + 4 * 1.5 + 4 * 2.5)
    assert totals["cost_usd"] == pytest.approx(0.018)
    assert totals["steps"] == 120
    assert totals["bytes"] == 8000
    assert (totals["claimed_at"], totals["recorded_at"]) == (100.0, 120.0)


def test_tables_hold_pictures_and_attempts(rendered: Farm) -> None:
    """The Parquet files read back with the columns that analysis needs."""
    rendered.record(4, 8, 3, outcome=Outcome.LOST, at=130.0, busy=1.0)
    rendered.finish()
    images = pl.read_parquet(io.BytesIO(rendered.store.get(keys.table("mugs", "images", 0))))
    attempts = pl.read_parquet(io.BytesIO(rendered.store.get(keys.table("mugs", "attempts", 0))))
    assert images["index"].to_list() == list(range(8))
    assert images["seed"][0] == str(2**64 - 1)
    assert images.filter(steps=20)["seconds"].to_list() == pytest.approx([2.5] * 4)
    assert attempts.select("outcome", "won", "error").rows() == [
        ("rendered", 4, None),
        ("rendered", 4, None),
        ("lost", 0, "black picture"),
    ]


def test_a_job_without_a_record_still_ends_in_files(farm: Farm) -> None:
    """When no worker can load the model, every task is an error row and the tables are empty but whole."""
    totals = farm.finish(blocked={0: "gone", 1: "gone"})
    assert len(lines(farm.store.get(keys.errors("mugs")))) == 8
    assert totals["gpu_s"] == 0.0
    assert totals["s_per_step"] is None
    images = pl.read_parquet(io.BytesIO(farm.store.get(keys.table("mugs", "images", 0))))
    assert images.height == 0
    assert images.schema["seconds"] == pl.Float64
