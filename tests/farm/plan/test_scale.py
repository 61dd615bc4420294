"""The whole command on a long table: seconds, and memory that follows from the size of the file."""

import json
import os
import random
import subprocess
import sys
from pathlib import Path

import pytest


def measured(path: Path) -> tuple[float, float, str]:
    """Seconds of the processor, and the most megabytes of memory, that `farm plan` takes; and what it says."""
    words = ["plan", str(path), "--set", "render.model=org/sdxl", "--set", "output.name={custom_id}"]
    with subprocess.Popen([sys.executable, "-m", "farm", *words], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        said = process.stdout.read()
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    scale = 1e6 if sys.platform == "darwin" else 1e3
    return used.ru_utime + used.ru_stime, used.ru_maxrss / scale, said


def written(path: Path, rows: int) -> Path:
    """A table of prompts of 150 characters, whose steps, sizes and guidance are mixed."""
    dice = random.Random(7)
    with path.open("w", encoding="utf-8") as stream:
        for row in range(rows):
            task = {
                "custom_id": f"row-{row}",
                "prompt": f"a mug number {row} ".ljust(150, "m"),
                "seed": dice.randrange(2**32),
                "steps": dice.choice([10, 20, 30]),
                "size": dice.choice(["512x512", "1024x768"]),
                "guidance_scale": dice.choice([3, 5, 7.5]),
                "tag": dice.choice("abc"),
            }
            stream.write(json.dumps(task) + "\n")
    return path


@pytest.mark.skipif(not hasattr(os, "wait4"), reason="the peak of a child's memory is asked of Unix")
def test_memory_and_time_follow_the_file(tmp_path: Path) -> None:
    """A row costs microseconds, and little more than its own bytes: a million of them, seconds and 300 MB."""
    rows = 60_000
    long = written(tmp_path / "long.jsonl", rows)
    _, base, _ = measured(written(tmp_path / "short.jsonl", 10))
    seconds, peak, said = measured(long)
    assert f"{rows} images" in said
    assert (peak - base) * 1e6 < 2 * long.stat().st_size + 25e6
    assert seconds < 20
