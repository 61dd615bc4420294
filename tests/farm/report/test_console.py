from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import pytest
from rich.console import Console

from farm.profile.outcome import Outcome
from farm.profile.seconds import Kind
from farm.report.console import show
from farm.report.report import build
from farm.report.values import QualityRow
from tests.farm.report.test_quality import scores

if TYPE_CHECKING:
    from farm.report.values import Report
    from tests.farm.report.conftest import Farm


def printed(report: Report, width: int = 80) -> str:
    """What a terminal of this width shows."""
    out = io.StringIO()
    show(report, Console(file=out, width=width, highlight=False))
    return out.getvalue()


@pytest.fixture
def served(rendered: Farm) -> Farm:
    """The rendered job with its worker's session."""
    token = rendered.token
    rendered.session(
        rendered.spans(
            100.0,
            (Kind.LOAD, 2.0, "mugs", None, None, token(1)),
            (Kind.DENOISE, 6.0, "mugs", 0, 4, token(1)),
            (Kind.IDLE, 2.0),
            (Kind.DENOISE, 10.0, "mugs", 4, 8, token(2)),
        ),
        upload_s={"mugs": 1.0},
    )
    return rendered


def test_the_table_says_what_a_step_costs(served: Farm) -> None:
    """Seconds and cost, per image and per step, by setting."""
    text = printed(build(served.data()))
    assert "builtin:shapes, 64x64, Test GPU, float32" in text
    assert "USD/step" in text
    row = next(line for line in text.splitlines() if line.split()[:2] == ["euler", "20"])
    assert row.split() == ["euler", "20", "5", "4", "4", "2.50", "0.125", "0.00250", "0.000125"]


def test_the_ledger_closes_on_the_wall(served: Farm) -> None:
    """Parts and shares as printed add up to the wall time as printed."""
    lines = printed(build(served.data())).splitlines()
    begin = next(number for number, line in enumerate(lines) if "seconds went" in line)
    shown: list[float] = []
    for line in lines[begin + 2 :]:
        words: list[Any] = line.replace("█", "").split()
        if words[:2] == ["wall", "time"]:
            assert float(words[2]) == pytest.approx(sum(shown), abs=0.02)
            break
        shown.append(float(words[-3]))
    assert len(shown) == 4
    assert any("upload, meanwhile" in line for line in lines)


def test_the_sentence_is_there(served: Farm) -> None:
    """The fit with R2, and what fewer steps save."""
    report = build(served.data())
    sure = {"n": 9, "step_interval": (0.09, 0.11), "compared": (20, 10), "saved": 0.4}
    text = printed(report.model_copy(update={"fits": [report.fits[0].model_copy(update=sure)]}))
    assert "0.500 s + 0.100 s x steps   R2 1.0000, 9 batches of 4" in text
    assert "20 -> 10 steps saves 40 % on this model and worker, not 50 %." in text


def test_too_few_batches_are_said(served: Farm) -> None:
    """Two batches give a line, and no promise."""
    text = printed(build(served.data()))
    assert "Too few batches to say what fewer steps would save." in text
    assert "saves" not in text


@pytest.mark.parametrize("width", [80, 120])
def test_no_line_is_wider_than_the_terminal(served: Farm, width: int) -> None:
    """Long names of models and GPUs wrap; figures are never cut."""
    long = served.worker.model_copy(update={"gpu": "NVIDIA RTX PRO 6000 Blackwell Max-Q Workstation Edition"})
    served.record(4, 8, 1, worker=long)
    text = printed(build(served.data()), width)
    assert max(map(len, text.splitlines())) <= width
    assert "0.000125" in text
    assert "…" not in text


def test_without_a_price_it_says_how_to_set_one(farm: Farm) -> None:
    """No column of costs, one sentence instead."""
    farm.record(0, 4, 1, worker=farm.worker.model_copy(update={"price_per_hour": None}))
    text = printed(build(farm.data()))
    assert "FARM_PRICE_PER_HOUR" in text
    assert "USD" not in text
    assert "No cost model yet" in text


def test_unpriced_seconds_are_named(rendered: Farm) -> None:
    """A cost that leaves some workers out says so."""
    free = rendered.worker.model_copy(update={"id": "w2", "price_per_hour": None})
    rendered.record(0, 4, 9, worker=free, busy=7.0)
    assert "7.0 s of workers without a price are not in the cost." in printed(build(rendered.data()))


def test_a_job_without_a_picture_says_so(farm: Farm) -> None:
    """Seconds that came to nothing are not hidden behind an empty table."""
    farm.record(0, 4, 1, outcome=Outcome.FAILED, busy=5.0)
    assert "No picture yet; 5.0 s of worker time were spent." in printed(build(farm.data()))


def test_names_are_no_markup(farm: Farm) -> None:
    """A model's name in square brackets is printed as it is."""
    record = farm.record(0, 4, 1)
    strange = record.batches[0].model_copy(update={"model": "org/[bold]mine", "scheduler": "[/]"})
    [key] = farm.store.list("jobs/mugs/records/")
    farm.store.put(key, record.model_copy(update={"batches": [strange]}).model_dump_json().encode())
    text = printed(build(farm.data()))
    assert "org/[bold]mine, 64x64" in text
    assert "[/]" in text


def test_quality_stands_beside_what_it_costs(served: Farm) -> None:
    """A row per step count, the reference without figures of its own, and the sentence on the sweet spot."""
    report = build(served.data(), scores())
    text = printed(report)
    assert "Quality against steps: builtin:shapes, 64x64" in text
    rows = [line.split() for line in text.splitlines() if line.split()[:1] == ["euler"]][-6:]
    assert [row[1] for row in rows] == ["5", "10", "20", "30", "40", "50"]
    assert rows[-1][2:5] == ["1", "-", "-"]
    assert "euler: 20 steps look like 50 (SSIM 0.996 of a plateau 1.000, 99 % sure)" in " ".join(text.split())
    assert "Quality" not in printed(build(served.data()))
    priced = QualityRow.model_validate(report.quality[1].model_dump() | {"ssim_per_cent": 0.25})
    assert "SSIM/0.01 USD" in printed(report.model_copy(update={"quality": (priced,)}))
