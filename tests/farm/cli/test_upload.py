"""What a user sees while a model travels."""

import sys

import pytest

from farm.cli.upload import uploading
from farm.client.upload import Sent

LARGE = 3_200_000_000


def test_a_large_model_is_announced_once(capsys: pytest.CaptureFixture[str]) -> None:
    """On stderr, so that JSON on stdout stays JSON; what the store has already is not counted."""
    with uploading() as tell:
        for sent in (0, 1000, LARGE):
            tell(Sent("/models/my mugs", sent, LARGE))
    assert capsys.readouterr() == ("", "Uploading my mugs, 3.20 GB, to the farm's store.\n")


@pytest.mark.parametrize("terminal", [False, True])
def test_a_small_one_is_not(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *, terminal: bool
) -> None:
    """It is over before anybody could wonder; nor is one that the store has."""
    monkeypatch.setattr(sys.stderr, "isatty", lambda: terminal)
    with uploading() as tell:
        tell(Sent("/models/mugs", 0, 1000))
        tell(Sent("/models/mugs", 0, 0))
    assert capsys.readouterr() == ("", "")


def test_a_terminal_shows_a_bar(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """With its name, how much of how much."""
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "120")
    with uploading() as tell:
        for sent in (0, LARGE // 2):
            tell(Sent("/models/mugs", sent, LARGE))
    out, err = capsys.readouterr()
    assert out == ""
    assert "Uploading mugs" in err
    assert "1.6/3.2 GB" in err
