"""The demo as a person runs it, and interrupts it."""

import os
import signal
import subprocess
import sys
from pathlib import Path

from farm.local.home import Home
from farm.local.leftovers import carriers


def test_an_interrupted_demo_leaves_nothing_behind(tmp_path: Path) -> None:
    """Ctrl-C while it renders ends every process it started and removes its folder."""
    home = tmp_path / "home"
    process = subprocess.Popen(
        [sys.executable, "-m", "farm", "demo", "--output", str(tmp_path / "out")],
        env=os.environ | {"FARM_HOME": str(home), "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    while not (line := process.stdout.readline()).startswith("Rendering"):
        assert line
    assert carriers(Home(home / "demo"))
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=90)
    # Python ends itself by the signal, which a shell calls 130, when Ctrl-C met a dataclass being made in an import
    assert process.returncode in {130, -signal.SIGINT}
    assert "Traceback" not in err
    assert carriers(Home(home / "demo")) == []
    assert not (home / "demo").exists()
