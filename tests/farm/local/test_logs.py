import subprocess
import sys
from pathlib import Path

import pytest

from farm.local.logs import keep_short


def test_a_log_that_is_too_long_keeps_its_end(tmp_path: Path) -> None:
    """Its last whole lines stay, behind a line that says so; the others are left alone."""
    long, short = tmp_path / "worker-1.log", tmp_path / "redis.log"
    long.write_text("".join(f"line {number}\n" for number in range(1000)))
    short.write_text("as it was\n")
    keep_short(tmp_path, longest=5000, kept=100)
    first, *lines = long.read_text().splitlines()
    assert "cut off" in first
    assert lines[-1] == "line 999"
    assert lines == [f"line {number}" for number in range(1000 - len(lines), 1000)]
    assert len("\n".join(lines)) < 100
    assert short.read_text() == "as it was\n"


def test_a_writer_goes_on_in_the_same_file(tmp_path: Path) -> None:
    """A process that appends to its log needs to know nothing of it."""
    log = tmp_path / "s3.log"
    with log.open("ab") as output:
        code = "import sys\nfor line in sys.stdin: print(line * 100, flush=True)"
        with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=output, text=True) as child:
            assert child.stdin
            for word in ("first", "second"):
                child.stdin.write(f"{word}\n")
                child.stdin.flush()
                while word not in log.read_text():
                    pass
                keep_short(tmp_path, longest=590, kept=50)
    text = log.read_text()
    assert "\0" not in text
    assert "first" not in text
    assert text.rstrip().endswith("second")


def test_a_log_that_cannot_be_cut_waits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing ends because of a log."""
    (tmp_path / "worker-1.log").write_text("x" * 100)
    keep_short(tmp_path / "gone", longest=10)

    def refuse(*_: object) -> None:
        raise PermissionError

    monkeypatch.setattr("farm.local.logs._cut", refuse)
    keep_short(tmp_path, longest=10)
