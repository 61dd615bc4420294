from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from farm.cli.quote import deadline, headline, money
from farm.economics.fitting import Fitting
from farm.economics.quote import Quote
from tests.farm.client.test_quotes import learn

if TYPE_CHECKING:
    from pathlib import Path

    from tests.farm.cli.conftest import Run
    from tests.farm.conftest import Stage


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    """Sixteen pictures at four steps."""
    path = tmp_path / "mugs.yaml"
    path.write_text("render:\n  model: builtin:shapes\n  prompt: a red circle\n  seed: 1-16\n  steps: 4\n")
    return path


def test_plan_says_time_and_money(here: Stage, run: Run, manifest: Path) -> None:
    """For 1, 2, 4 workers and every setting, once a job of this kind has been measured."""
    learn(here)
    for number in range(4):
        here.ledger.register(f"w{number}", {"gpu": "Test CPU", "price_per_hour": 36.0})
    said = run("plan", manifest)
    assert said.code == 0
    assert "from 1 job: 14.4 s of GPU time" in said.out
    assert "0.1440 USD" in said.out
    rows = [line.split()[0] for line in said.out.splitlines() if "Test CPU" in line]
    assert rows == ["1", "2", "4", "builtin:shapes"]


def test_plan_as_json_has_exactly_the_quote_of_the_design(here: Stage, run: Run, manifest: Path) -> None:
    """Seconds, money and bounds; money is null where nobody set a price."""
    learn(here)
    here.ledger.register("w1", {"gpu": "Test CPU"})
    found = json.loads(run("plan", manifest, "--json").out)["quote"]
    assert list(found) == ["seconds", "usd", "low", "high"]
    assert found["usd"] is None
    assert found["low"] <= found["seconds"] <= found["high"]


def test_plan_says_what_to_do_where_nothing_is_known(here: Stage, run: Run, manifest: Path) -> None:
    """Unknown is said as unknown, with the reason and the way out of it; JSON says null."""
    here.ledger.register("w1", {"gpu": "Test CPU"})
    said = run("plan", manifest)
    assert said.code == 0
    assert "unknown" in said.out
    assert "never measured" in said.out
    assert "two step counts" in said.out
    assert json.loads(run("plan", manifest, "--json").out)["quote"] is None


def test_plan_needs_no_farm(run: Run, manifest: Path) -> None:
    """Without one it counts, and says nothing of time."""
    said = run("plan", manifest)
    assert (said.code, said.err) == (0, "")
    assert "Time and cost" not in said.out


def test_amounts_read_well() -> None:
    """Small ones with four digits, large ones with two; none where there is no price."""
    assert [money(each) for each in (None, 0.01234, 12.3456)] == ["-", "0.0123 USD", "12.35 USD"]
    found = Quote(200.0, None, 190.0, 210.0, 100.0, (), (), (), 2)
    assert headline(found) == (
        "Time and cost, from 2 jobs: 3 min 20 s of GPU time (3 min 10 s - 3 min 30 s), done in 1 min 40 s."
    )


def test_plan_by_an_hour_says_what_fits(here: Stage, run: Run, manifest: Path) -> None:
    """A night that ends in time says by how much; an hour that is none is refused."""
    learn(here)
    here.ledger.register("w1", {"gpu": "Test CPU"})
    assert "It ends about" in run("plan", manifest, "--by", "2099-01-01 07:00").out
    refused = run("plan", manifest, "--by", "2020-01-01 07:00")
    assert (refused.code, "lies in the past" in refused.err) == (2, True)


def test_a_deadline_that_is_missed_names_every_way_to_meet_it() -> None:
    """Each alone, with what it gives up; and where nothing fits, that."""
    late = Fitting(wall_s=300.0, left_s=200.0, workers=2, steps=22, images=53)
    said = deadline(late, 1_800_000_000.0)
    assert "1 min 40 s after" in said
    assert said.endswith("What fits: 2 workers, or 22 steps at most, or 53 images as they are.")
    assert deadline(Fitting(300.0, 1.0, None, None, 0), 1_800_000_000.0).endswith("Nothing of it fits.")
