from __future__ import annotations

import io
from typing import TYPE_CHECKING

import polars as pl
import pytest

from farm.profile.outcome import Outcome
from farm.report.tables import ATTEMPTS, IMAGES, attempt_row, image_row, to_parquet

if TYPE_CHECKING:
    from tests.farm.report.conftest import Farm


def test_an_image_row_has_every_column(farm: Farm) -> None:
    """Names mean the picture's own: its size, its prompt as rendered, its share of the batch."""
    record = farm.record(0, 4, 1, at=100.0)
    row = image_row(farm.plan.task(3), record, record.batches[0], record.images[3])
    assert list(row) == list(IMAGES)
    assert (row["prompt"], row["seed"], row["batch_position"]) == ("prompt 3", str(2**64 - 4), 3)
    assert (row["seconds"], row["price_per_hour"], row["started_at"]) == pytest.approx((1.5, 3.6, 100.0))


def test_an_attempt_row_says_what_it_won(farm: Farm) -> None:
    """The error is a sentence, and the worker is named."""
    row = attempt_row(farm.record(0, 4, 1, outcome=Outcome.FAILED), won=0)
    assert list(row) == list(ATTEMPTS)
    assert (row["won"], row["outcome"], row["error"], row["worker"]) == (0, "failed", "black picture", "w1")


def test_an_empty_table_keeps_its_columns() -> None:
    """A reader finds the types even where no picture was made."""
    frame = pl.read_parquet(io.BytesIO(to_parquet(IMAGES, [])))
    assert frame.height == 0
    assert frame.columns == list(IMAGES)
    assert frame.schema["index"] == pl.Int64


def test_missing_figures_are_null(farm: Farm) -> None:
    """A worker without a price leaves null, in a column of numbers."""
    free = farm.worker.model_copy(update={"price_per_hour": None})
    record = farm.record(0, 4, 1, worker=free)
    rows = [image_row(farm.plan.task(0), record, record.batches[0], record.images[0])]
    frame = pl.read_parquet(io.BytesIO(to_parquet(IMAGES, rows)))
    assert frame["price_per_hour"].to_list() == [None]
    assert frame.schema["price_per_hour"] == pl.Float64
