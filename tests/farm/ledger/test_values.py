import pytest

from farm.ledger.values import JobState


@pytest.mark.parametrize(
    ("state", "over"),
    [("queued", False), ("running", False), ("paused", False), ("done", True), ("failed", True), ("cancelled", True)],
)
def test_a_job_is_over_when_nothing_will_happen_to_it_by_itself(state: str, *, over: bool) -> None:
    """Waiting and paused jobs go on some time; the others have ended."""
    assert JobState(state).over is over
