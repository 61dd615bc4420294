from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from farm.profile.outcome import Outcome
from farm.report.measured import Attempt, Batch
from farm.report.tables import ATTEMPTS, BATCHES

if TYPE_CHECKING:
    from tests.farm.report.conftest import Farm


def test_rows_are_columns_of_the_tables() -> None:
    """A report asks for nothing that the tables do not have."""
    assert set(Attempt._fields) <= set(ATTEMPTS)
    assert set(Batch._fields) <= set(BATCHES)


def test_an_attempt_knows_its_record(farm: Farm) -> None:
    """Token, outcome and what the record's name says."""
    farm.record(0, 4, 7, outcome=Outcome.LOST)
    [attempt] = farm.data().attempts
    assert (attempt.token, attempt.lost) == (farm.token(7), True)
    assert attempt.key == (0, 4, farm.token(7).rpartition(".")[0], 7, "lost")


def test_texts_that_many_rows_share_are_held_once(farm: Farm) -> None:
    """A worker's name is not a thousand texts in memory."""
    farm.record(0, 2, 1)
    farm.record(2, 4, 2)
    first, second = farm.data().attempts
    assert first.worker is second.worker
    assert first.epoch is second.epoch


def test_a_batch_takes_all_its_phases(farm: Farm) -> None:
    """Prompts, denoising, decoding and post-processing; its size as reports write it."""
    farm.record(0, 4, 1)
    [batch] = farm.batches()
    assert batch.seconds == pytest.approx(6.0)
    assert batch.size == "64x64"
