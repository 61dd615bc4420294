from __future__ import annotations

import io
from typing import TYPE_CHECKING

import polars as pl
import pytest
from polars.exceptions import PolarsError

from farm.profile.outcome import Outcome
from farm.report.tables import (
    ATTEMPTS,
    BATCHES,
    IMAGES,
    Gathered,
    add_images,
    attempt_values,
    batch_values,
    digest_of,
    rendered_batches,
    to_parquet,
)

if TYPE_CHECKING:
    from farm.profile.record import Record
    from tests.farm.report.conftest import Farm


def images_of(farm: Farm, record: Record, *won: tuple[int, int]) -> pl.DataFrame:
    """The rows of a record that won some positions."""
    rows = Gathered(IMAGES)
    add_images(rows, record, won, farm.plan.tasks)
    return rows.frame()


def test_an_image_row_has_every_column(farm: Farm) -> None:
    """Names mean the picture's own: its size, its prompt as rendered, its share of the batch."""
    found = images_of(farm, farm.record(0, 4, 1, at=100.0), (0, 4))
    row = found.row(3, named=True)
    assert list(row) == list(IMAGES)
    assert (row["prompt"], row["seed"], row["batch_position"]) == ("prompt 3", str(2**64 - 4), 3)
    assert (row["seconds"], row["price_per_hour"], row["started_at"]) == pytest.approx((1.5, 3.6, 100.0))
    assert (row["meta"], row["queued_s"]) == ('{"tag":"a"}', 2.0)


def test_only_positions_that_were_won_have_a_row(farm: Farm) -> None:
    """What an older record made already is no row of this one."""
    found = images_of(farm, farm.record(0, 4, 1), (0, 1), (3, 4))
    assert found["position"].to_list() == [0, 3]
    assert found["prompt"].to_list() == ["prompt 0", "prompt 3"]


def test_a_picture_belongs_to_its_own_batch(farm: Farm) -> None:
    """A record of several batches charges each picture one share of the call that made it."""
    record = farm.record(0, 4, 1)
    batches = [farm.batch(0, 1), farm.batch(1, 4).model_copy(update={"batch_size": 6})]
    found = images_of(farm, record.model_copy(update={"batches": batches}), (0, 4))
    assert found["batch_size"].to_list() == [1, 6, 6, 6]
    assert found["seconds"].to_list() == pytest.approx([1.5, *[4.5 / 6] * 3])


def test_a_picture_without_a_batch_is_no_row(farm: Farm) -> None:
    """Nothing is made up: the record is damaged."""
    record = farm.record(0, 4, 1).model_copy(update={"batches": [farm.batch(0, 2)]})
    with pytest.raises(KeyError):
        images_of(farm, record, (0, 4))


def test_an_attempt_row_says_what_it_won(farm: Farm) -> None:
    """The error is a sentence, and the worker is named."""
    row = attempt_values(farm.record(0, 4, 1, outcome=Outcome.FAILED), won=0)
    assert set(ATTEMPTS) <= set(row)
    assert (row["won"], row["outcome"], row["error"], row["worker"]) == (0, "failed", "black picture", "w1")


def test_a_batch_row_says_who_made_it(farm: Farm) -> None:
    """A table of its own: seconds of the whole call, and how many of its pictures count."""
    record = farm.record(0, 4, 1)
    [batch] = rendered_batches(record)
    row = batch_values(record, batch, won=3)
    assert set(BATCHES) <= set(row)
    assert (row["won"], row["batch_size"], row["worker"], row["gpu"]) == (3, 4, "w1", "Test GPU")
    assert list(rendered_batches(farm.record(0, 4, 2, outcome=Outcome.FAILED))) == []


def test_a_table_carries_what_it_was_made_of(farm: Farm) -> None:
    """The digest is in the file itself: a server may lose what was said about an object."""
    data = to_parquet(images_of(farm, farm.record(0, 4, 1), (0, 4)), digest="abc")
    assert digest_of(data) == "abc"
    out = io.BytesIO()
    pl.read_parquet(io.BytesIO(data)).write_parquet(out)
    assert digest_of(out.getvalue()) is None
    with pytest.raises(PolarsError):
        digest_of(b"no Parquet file")


def test_an_empty_table_keeps_its_columns() -> None:
    """A reader finds the types even where no picture was made."""
    frame = pl.read_parquet(io.BytesIO(to_parquet(Gathered(IMAGES).frame(), digest="")))
    assert frame.height == 0
    assert frame.columns == list(IMAGES)
    assert frame.schema["index"] == pl.Int64


def test_missing_figures_are_null(farm: Farm) -> None:
    """A worker without a price leaves null, in a column of numbers."""
    free = farm.worker.model_copy(update={"price_per_hour": None})
    frame = images_of(farm, farm.record(0, 4, 1, worker=free), (0, 1))
    assert frame["price_per_hour"].to_list() == [None]
    assert frame.schema["price_per_hour"] == pl.Float64


def test_many_rows_are_gathered_in_their_order() -> None:
    """Rows become a frame a few thousand at a time, and stay in order."""
    rows = Gathered({"number": int, "said": str})
    for number in range(0, 5001, 3):
        rows.add(3, {"said": "yes"}, {"number": range(number, number + 3)})
    frame = rows.frame()
    assert frame["number"].to_list() == list(range(5001))
    assert set(frame["said"]) == {"yes"}
