import io
import sys

import pytest

from farm.cli.bar import bar
from farm.client.tally import Tally


class Terminal(io.StringIO):
    """A stderr that somebody looks at."""

    def isatty(self) -> bool:
        """It is."""
        return True


def test_a_pipe_has_no_bar(capsys: pytest.CaptureFixture[str]) -> None:
    """Neither on stdout nor on stderr."""
    with bar("Fetching mugs") as show:
        assert show is None
    assert capsys.readouterr() == ("", "")


def test_a_terminal_has_one(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """How many of how many, and how much; lost pictures count as done."""
    screen = Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "100")
    with bar("Fetching mugs") as show:
        assert show is not None
        tally = Tally(4, show)
        tally.add(2_000_000, new=True)
        tally.miss("b.png")
    assert "Fetching mugs" in screen.getvalue()
    assert "2/4" in screen.getvalue()
    assert "2 MB" in screen.getvalue()
    assert capsys.readouterr().out == ""
