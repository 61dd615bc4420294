import pytest

from farm.profile.record import WorkerInfo
from farm.profile.seconds import Kind, Session, Span
from tests.bench.load import Load
from tests.bench.speed import Pair, Turn, costs, rooms, shares_of, speeds

LOAD = Load(seeds=1)
SPANS = (
    Span(Kind.IDLE, 0, 5),
    Span(Kind.LOAD, 5, 6, "a"),
    Span(Kind.DENOISE, 6, 9, "a"),
    Span(Kind.IDLE, 9, 10),
    Span(Kind.DENOISE, 10, 12, "a"),
    Span(Kind.DECODE, 12, 13, "a"),
    Span(Kind.IDLE, 13, 20),
)


def pair(*, farm: float, bare: float) -> Pair:
    """A pair that took so many seconds."""
    return Pair(Turn("a", farm, 2 * farm, {"redis": 0.8, "worker child": 8.0}), bare, 4.0)


def test_the_room_is_watched_from_the_first_range_to_the_last() -> None:
    """Waiting between two ranges counts, waiting before and after does not."""
    shares = shares_of(SPANS, "a")
    assert sum(shares.values()) == pytest.approx(1)
    assert (shares[Kind.DENOISE], shares[Kind.IDLE], shares[Kind.LOAD]) == (5 / 8, 1 / 8, 1 / 8)


def test_a_busy_room_is_a_row() -> None:
    """The busy share, and where the rest of the time went."""
    worker = WorkerInfo(id="w", session="s", host="h", device="cpu", gpu="CPU", vram_gb=None, price_per_hour=None)
    session = Session(worker=worker, started_at=0, ended_at=20, spans=SPANS, upload_s={})
    (row,) = rooms(LOAD, [pair(farm=8, bare=8)] * 2, [session])
    assert (row.values["middle"], row.met) == (6 / 8, False)
    assert "idle 12.50%" in row.note


def test_the_ratio_is_of_rates() -> None:
    """A farm that takes longer has a ratio below one, and the whole job takes longer still."""
    work, whole = speeds(LOAD, [pair(farm=10, bare=9.5), pair(farm=20, bare=19)], patient=False)
    assert work.values["middle"] == pytest.approx(0.95)
    assert work.met
    assert whole.values["middle"] == pytest.approx(0.475)


def test_processor_time_is_told_by_process() -> None:
    """What is not rendering is named."""
    row = costs(LOAD, [pair(farm=10, bare=9)])
    assert row.figure == "farm 1100.0, bare 500.0"
    assert "redis 100.0, worker child 1000.0" in row.note
