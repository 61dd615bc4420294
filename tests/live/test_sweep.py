"""A sweep on a real farm: what a model and its samplers really do."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.live.conftest import RunningFarm


def test_a_sweep_finds_what_steps_are_worth(lasting_farm: "RunningFarm", tmp_path: Path) -> None:
    """Similarity rises and flattens for a sampler that converges; one that does not has no sweet spot."""
    words = [
        "sweep", "--model", "builtin:shapes", "--prompt", "a large red circle on a white background",
        "--prompt", "a large yellow star on a blue background", "--seeds", "1-2", "--steps", "4,8,16,24",
        "--schedulers", "euler,euler-a", "--name", "swept", "-o", str(tmp_path / "out"), "--json",
    ]  # fmt: skip
    ran = subprocess.run(
        [sys.executable, "-m", "farm", *words],
        env=os.environ | {"FARM_HOME": str(lasting_farm.home.path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, f"{ran.stdout}{ran.stderr}"
    document = json.loads(ran.stdout)
    euler = [row["ssim"] for row in document["quality"] if row["scheduler"] == "euler"]
    assert euler == sorted(euler)
    assert euler[1] - euler[0] > euler[2] - euler[1]
    assert euler[2] > 0.98
    spots = {spot["scheduler"]: spot for spot in document["sweet_spots"]}
    assert spots["euler"]["steps"] in {8, 16} or "sure" in spots["euler"]["reason"]
    assert (spots["euler-a"]["steps"], "does not converge" in spots["euler-a"]["reason"]) == (None, True)
    saved = [row["saved_fraction"] for row in document["quality"] if row["scheduler"] == "euler"]
    assert saved == sorted(saved, reverse=True)
    assert all(Path(sheet).stat().st_size > 10_000 for sheet in document["sheets"])
    assert len(document["sheets"]) == 3
