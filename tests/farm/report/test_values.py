from __future__ import annotations

import csv
import io
import json

import pytest
from pydantic import ValidationError

from farm.report.values import FitRow, GroupRow, Ledger, Report, Totals

TOTALS = Totals(
    images=4,
    steps=40,
    gpu_s=6.0,
    cost_usd=None,
    s_per_image=1.5,
    s_per_step=0.15,
    usd_per_image=None,
    usd_per_step=None,
    wasted_s=0.0,
)
GROUP = GroupRow(
    model="org/model, large",
    scheduler="euler",
    size="64x64",
    steps=10,
    effective_steps=10,
    denoiser_calls=10,
    guidance_scale=None,
    gpu="Test GPU",
    dtype="float32",
    batch_size=4,
    images=4,
    s_per_image=1.5,
    s_per_step=0.15,
    usd_per_image=None,
    usd_per_step=None,
)
FIT = FitRow(
    model="m",
    size="64x64",
    gpu="Test GPU",
    dtype="float32",
    batch_size=4,
    fixed_s=0.5,
    s_per_step=0.1,
    r2=0.99,
    n=9,
    fixed_interval=(0.4, 0.6),
    step_interval=(0.09, 0.11),
    compared=(30, 20),
    saved=0.27,
)
REPORT = Report(job="mugs", currency=None, totals=TOTALS, ledger=Ledger(wall_s=6.0), groups=(GROUP,), fits=(FIT,))


def test_json_has_the_fields_of_the_design() -> None:
    """Programs find what DESIGN section 7 names, and nothing else."""
    data = json.loads(json.dumps(REPORT.to_json()))
    found = {
        "report": data,
        "totals": data["totals"],
        "ledger": data["ledger"],
        "groups": data["groups"][0],
        "fits": data["fits"][0],
    }
    assert {name: " ".join(value) for name, value in found.items()} == {
        "report": "job currency totals ledger groups fits quality sweet_spots",
        "totals": "images steps gpu_s cost_usd s_per_image s_per_step usd_per_image usd_per_step wasted_s",
        "ledger": "wall_s start_s load_s encode_prompt_s denoise_s decode_s post_s blocked_s wasted_s idle_s other_s"
        " residual_s upload_s",
        "groups": "model scheduler size steps effective_steps denoiser_calls guidance_scale gpu dtype batch_size images"
        " s_per_image s_per_step usd_per_image usd_per_step",
        "fits": "model size gpu dtype batch_size fixed_s s_per_step r2 n",
    }
    assert (data["quality"], data["sweet_spots"], data["currency"]) == ([], [], None)


def test_csv_is_the_groups_table() -> None:
    """A header, a row per group, names with commas quoted, unknown figures empty."""
    [row] = csv.DictReader(io.StringIO(REPORT.to_csv()))
    assert list(row) == list(GroupRow.model_fields)
    assert (row["model"], row["steps"], row["s_per_image"], row["usd_per_image"]) == (
        "org/model, large",
        "10",
        "1.5",
        "",
    )


def test_ledger_parts_leave_out_what_overlaps() -> None:
    """The wall is the sum, and uploads run meanwhile."""
    ledger = Ledger(wall_s=5.0, denoise_s=4.0, idle_s=1.0, upload_s=9.0)
    assert sum(ledger.parts().values()) == ledger.wall_s


@pytest.mark.parametrize(
    ("saved", "sentence"),
    [
        (0.27, "30 -> 20 steps saves 27 % on this model and worker, not 33 %"),
        (0.333, "30 -> 20 steps saves 33 % on this model and worker, as the steps promise"),
        (0.37, "30 -> 20 steps saves 33 % on this model and worker, as the steps promise"),
    ],
)
def test_the_sentence_says_what_fewer_steps_save(saved: float, sentence: str) -> None:
    """Measured against promised; where they agree it does not say "not"."""
    assert FIT.model_copy(update={"saved": saved}).sentence == sentence


def test_without_two_step_counts_there_is_no_sentence() -> None:
    """Nothing is compared that was not measured."""
    assert FIT.model_copy(update={"compared": None}).sentence is None


def test_a_report_is_frozen() -> None:
    """What was reported stays so."""
    with pytest.raises(ValidationError):
        REPORT.job = "other"
