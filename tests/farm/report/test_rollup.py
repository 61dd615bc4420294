from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest

from farm.profile.outcome import Outcome
from farm.store import keys

if TYPE_CHECKING:
    from tests.farm.report.conftest import Farm


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
