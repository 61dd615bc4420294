from __future__ import annotations

import re
from itertools import pairwise

import pytest

from farm.economics.quality import Score, Setting
from farm.report.quality import quality_rows, sweet_spots
from farm.report.values import FitRow, GroupRow

STEPS = (5, 10, 20, 30, 40, 50)


def scores(
    scheduler: str = "euler", *, size: float = 2.0, chains: int = 6, steps: tuple[int, ...] = STEPS
) -> list[Score]:
    """Chains of a first-order sampler: their distance to the picture of endless steps falls as one over steps."""
    setting = Setting("builtin:shapes", scheduler, "64x64")
    found = []
    for number in range(chains):
        places = {each: (size + number / 20) / each for each in (*steps,)}
        for fewer, more in pairwise(steps):
            last, after = (1 - (places[fewer] - places[other]) ** 2 for other in (steps[-1], more))
            found.append(Score(setting, number, fewer, steps[-1], last, 20.0 + fewer, after))
    return found


def group(steps: int, *, seconds: float, images: int = 8, usd: float | None = None, **about: object) -> GroupRow:
    """What the pictures of one step count cost."""
    usual = {
        "model": "builtin:shapes", "scheduler": "euler", "size": "64x64", "steps": steps, "effective_steps": steps,
        "denoiser_calls": steps, "guidance_scale": 5.0, "gpu": "cpu", "dtype": "float32", "batch_size": 8,
        "images": images, "s_per_image": seconds, "s_per_step": seconds / steps, "usd_per_image": usd,
        "usd_per_step": None,
    }  # fmt: skip
    return GroupRow.model_validate(usual | about)


def groups(**about: object) -> list[GroupRow]:
    """Half a second and a tenth per step."""
    return [group(steps, seconds=0.5 + 0.1 * steps, **about) for steps in STEPS]  # type: ignore[arg-type]


def priced_groups() -> list[GroupRow]:
    """The same at a hundredth of the currency per second."""
    return [group(each.steps, seconds=each.s_per_image, usd=each.s_per_image / 100) for each in groups()]


def line(**about: object) -> FitRow:
    """A fit of ten times those seconds, to tell which one was taken."""
    usual = {
        "model": "builtin:shapes", "size": "64x64", "gpu": "cpu", "dtype": "float32", "batch_size": 8, "fixed_s": 0.0,
        "s_per_step": 1.0, "r2": 1.0, "n": 20, "step_interval": (0.9, 1.1),
    }  # fmt: skip
    return FitRow.model_validate(usual | about)


def test_rows_have_the_fields_of_the_report() -> None:
    """Those that scripts read come first; the row of the most steps is no measurement."""
    rows = quality_rows(scores(), groups(), ())
    assert list(rows[0].model_dump())[:7] == ["model", "scheduler", "size", "steps", "ssim", "psnr", "saved_fraction"]
    assert [row.steps for row in rows] == list(STEPS)
    assert [row.psnr for row in rows] == [25.0, 30.0, 40.0, 50.0, 60.0, None]
    assert (rows[-1].ssim, rows[-1].saved_fraction, rows[-1].ssim_per_s) == (1.0, 0.0, None)
    assert [row.n for row in rows] == [6] * 6
    assert all((row.ssim_spread or 0) > 0 for row in rows[:-1])


def test_saved_is_measured_not_promised() -> None:
    """20 of 50 steps promise 60 %; with half a second that stays, it is 55 %."""
    rows = {row.steps: row for row in quality_rows(scores(), groups(), ())}
    assert rows[20].saved_fraction == pytest.approx(3 / 5.5)
    assert rows[20].s_per_image == pytest.approx(2.5)
    assert rows[20].usd_per_image is None


def test_the_fit_is_taken_where_it_is_sure() -> None:
    """Of the same kind of worker and the same passes; else what was measured."""
    [row] = [row for row in quality_rows(scores(), groups(), [line()]) if row.steps == 20]
    assert row.saved_fraction == pytest.approx(0.6)
    for other in ({"gpu": "other"}, {"guided": False}, {"calls_per_step": 2}, {"step_interval": (-0.1, 2.0)}):
        [row] = [row for row in quality_rows(scores(), groups(), [line(**other)]) if row.steps == 20]
        assert row.saved_fraction == pytest.approx(3 / 5.5)


def test_a_fixed_part_that_noise_made_negative_is_none() -> None:
    """Seconds then follow the steps, level with what was measured: few steps never save more than their share."""
    rows = {row.steps: row for row in quality_rows(scores(), groups(), [line(fixed_s=-5.0)])}
    assert rows[5].saved_fraction == pytest.approx(0.9)
    assert rows[20].saved_fraction == pytest.approx(0.6)
    assert 2.0 < (rows[20].s_per_image or 0) < 2.5


def test_kinds_of_workers_are_not_mixed() -> None:
    """A slow one that drew only the few steps does not make them dear."""
    slow = [group(5, seconds=100.0, gpu="slow", images=7)]
    rows = {row.steps: row for row in quality_rows(scores(), slow + groups(), ())}
    assert rows[5].saved_fraction == pytest.approx(1 - 1 / 5.5)


def test_a_price_makes_cents() -> None:
    """SSIM gained per hundredth of the currency, and per second in any case."""
    rows = {row.steps: row for row in quality_rows(scores(), priced_groups(), ())}
    gain = rows[10].ssim - rows[5].ssim
    assert rows[10].ssim_per_s == pytest.approx(gain / 0.5)
    assert rows[10].ssim_per_cent == pytest.approx(gain / 0.5)
    assert rows[10].usd_per_image == pytest.approx(0.015)


def test_a_sweet_spot_says_what_it_saves() -> None:
    """A sentence that a person can repeat, of the cost where there is a price, else of the time."""
    [spot] = sweet_spots(scores(), groups(), ())
    assert list(spot.model_dump())[:5] == ["model", "scheduler", "size", "steps", "reason"]
    assert spot.steps == 20
    assert re.fullmatch(
        r"20 steps look like 50 \(SSIM 0\.99\d of a plateau 1\.000, 99 % sure\) and save 55 % of the time\.",
        spot.reason,
    )
    assert spot.saved_fraction == pytest.approx(3 / 5.5)
    [priced] = sweet_spots(scores(), priced_groups(), ())
    assert priced.reason.endswith("of the cost.")
    [unknown] = sweet_spots(scores(), (), ())
    assert (unknown.steps, unknown.saved_fraction, unknown.reason.endswith("sure).")) == (20, None, True)


def test_a_stochastic_sampler_has_a_reason_instead() -> None:
    """By its class, however alike its pictures are."""
    [spot] = sweet_spots(scores("euler-a"), groups(scheduler="euler-a"), ())
    assert (spot.steps, spot.confidence, spot.saved_fraction) == (None, None, None)
    assert "does not converge: more steps give another picture, not a better one" in spot.reason


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (scores(size=60.0), "Still rising at 50 steps: measure more steps than that."),
        (scores(steps=(20, 50)), "20 and 50 steps cannot show where it flattens: measure three step counts or more."),
        (scores(chains=1), "20 steps are within 0.02 of the plateau for one prompt and seed"),
        (
            [each._replace(ssim=0.8, ssim_next=0.8) for each in scores()],
            "These pictures do not converge: 40 and 50 steps are alike by SSIM 0.800 only",
        ),
        (
            [each._replace(ssim=each.ssim - 0.06 * (each.chain == 0 and each.steps < 40)) for each in scores()],
            "steps are within 0.02 of the plateau on average, but 6 prompts and seeds make that only",
        ),
    ],
)
def test_without_a_sweet_spot_it_says_why_and_what_to_do(made: list[Score], said: str) -> None:
    """Never an invented number."""
    [spot] = sweet_spots(made, groups(), ())
    assert (spot.steps, spot.saved_fraction) == (None, None)
    assert said in spot.reason


def test_every_setting_has_its_own() -> None:
    """Rows and sweet spots stand in the same order."""
    both = scores("unipc") + scores("euler")
    assert [spot.scheduler for spot in sweet_spots(both, groups(), ())] == ["euler", "unipc"]
    assert [row.scheduler for row in quality_rows(both, groups(), ())] == ["euler"] * 6 + ["unipc"] * 6
    assert quality_rows((), groups(), ()) == ()
    assert sweet_spots((), groups(), ()) == ()
