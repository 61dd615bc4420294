import json
import time

import pytest

from farm.cli.output import count, moment, percent, print_json, seconds, size, table
from farm.client.status import Status
from farm.ledger.values import JobState
from farm.manifest.model import Run


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "-"),
        (0.04, "0.0 s"),
        (59.94, "59.9 s"),
        (61, "1 min 01 s"),
        (3599.7, "1 h 00 min"),
        (7620, "2 h 07 min"),
    ],
)
def test_durations_read_at_a_glance(value: float | None, text: str) -> None:
    """Seconds, minutes or hours: whichever two parts matter."""
    assert seconds(value) == text


def test_json_is_one_document_in_utf8(capsys: pytest.CaptureFixture[str]) -> None:
    """States print as their words, and names keep their letters."""
    print_json({"name": "Tassen für Zoë", "state": JobState.DONE})
    out = capsys.readouterr().out
    assert "Zoë" in out
    assert json.loads(out) == {"name": "Tassen für Zoë", "state": "done"}


@pytest.mark.parametrize(
    ("done", "failed", "text"), [(0, 0, "0 %"), (999, 0, "99 %"), (998, 2, "99 %"), (1000, 0, "100 %")]
)
def test_percent_reaches_a_hundred_only_at_the_end(done: int, failed: int, text: str) -> None:
    """999 of 1 000 is not all of them, nor is what failed among them."""
    status = Status.from_finished(
        type("P", (), {"job_id": "a", "name": "a", "images": 1000, "run": Run()})(),
        {"state": "running", "images": {"done": done, "failed": failed}},
    )
    assert percent(status) == text


@pytest.mark.parametrize(
    ("number", "text"), [(0, "0 kB"), (34_100, "34 kB"), (12_345_678, "12.3 MB"), (1_200_000_000, "1.2 GB")]
)
def test_sizes_read_at_a_glance(number: int, text: str) -> None:
    """No picture is 0.0 MB."""
    assert size(number) == text


def test_one_is_not_many() -> None:
    """None and two are."""
    assert [count(number, "image") for number in (0, 1, 2)] == ["0 images", "1 image", "2 images"]


def test_columns_are_as_wide_as_their_cells(capsys: pytest.CaptureFixture[str]) -> None:
    """Every column begins at the same place in every row, and no line ends in spaces."""
    table(("JOB", "STATE"), [("a-very-long-name", "done"), ("b", "running")])
    assert capsys.readouterr().out.splitlines() == [
        "JOB               STATE",
        "a-very-long-name  done",
        "b                 running",
    ]


def test_an_instant_is_said_in_the_machines_zone(monkeypatch: pytest.MonkeyPatch) -> None:
    """As its user's clock shows it."""
    monkeypatch.setenv("TZ", "UTC-2")
    time.tzset()
    try:
        assert moment(86_400.0) == "1970-01-02 02:00"
    finally:
        monkeypatch.undo()
        time.tzset()
