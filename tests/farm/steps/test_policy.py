"""Families of models, their ranges, and what is said of a choice of steps."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from farm.steps.policy import MAXIMUM, Family, families, find_family, range_verdict, scheduler_verdict

#: The table of the step facts: minimum, recommended, maximum, draft, standard, final.
TABLE = {
    "sd": (10, (25, 30), 150, 15, 25, 40),
    "sdxl": (10, (20, 30), 150, 15, 25, 40),
    "flux-dev": (20, (28, 35), 50, 20, 30, 40),
    "flux-schnell": (1, (2, 4), 4, 2, 3, 4),
    "flux-pro": (30, (35, 45), 50, 30, 40, 45),
    "recraft-v3": (20, (25, 35), 50, 20, 30, 40),
    "distilled": (1, (4, 8), 8, 4, 6, 8),
    "distilled-flow": (1, (4, 9), 12, 4, 8, 9),
    "unknown": (1, (25, 30), 150, 15, 25, 40),
}


@pytest.mark.parametrize("name", TABLE)
def test_the_ranges_are_those_of_the_table(name: str) -> None:
    """As gathered from the services' own guides."""
    family = families()[name]
    profiles = tuple(family.profiles[each] for each in ("draft", "standard", "final"))
    assert (family.minimum, family.recommended, family.maximum, *profiles) == TABLE[name]


def test_every_range_makes_sense() -> None:
    """From the least to the most, with the recommended inside and nothing above the ceiling."""
    for family in families().values():
        low, high = family.recommended
        assert 1 <= family.minimum <= low <= family.sweet_spot <= high <= family.maximum <= MAXIMUM
        assert family.size % 8 == 0


@pytest.mark.parametrize(
    ("model", "class_name", "family"),
    [
        ("builtin:shapes", "StableDiffusionPipeline", "shapes"),
        ("stabilityai/stable-diffusion-xl-base-1.0", None, "sdxl"),
        ("stabilityai/sdxl-turbo", "StableDiffusionXLPipeline", "distilled"),
        ("ByteDance/SDXL-Lightning", None, "distilled"),
        ("SimianLuo/LCM_Dreamshaper_v7", None, "distilled"),
        ("black-forest-labs/FLUX.1-schnell", None, "flux-schnell"),
        ("black-forest-labs/FLUX.1-dev", None, "flux-dev"),
        ("black-forest-labs/FLUX.1.1-pro", None, "flux-pro"),
        ("Tongyi-MAI/Z-Image-Turbo", None, "distilled-flow"),
        ("stable-diffusion-v1-5/stable-diffusion-v1-5", None, "sd"),
        ("stabilityai/stable-diffusion-2-1", None, "sd"),
        ("my-folder", "StableDiffusionPipeline", "sd"),
        ("my-folder", "StableDiffusionXLPipeline", "sdxl"),
        ("my-folder", "FluxPipeline", "flux-dev"),
        ("my-folder", "PixArtAlphaPipeline", "unknown"),
        ("my-folder", None, "unknown"),
    ],
)
def test_a_family_is_found(model: str, class_name: str | None, family: str) -> None:
    """By the name before the class, since SDXL-Turbo's class is plain SDXL."""
    assert find_family(model, class_name).name == family


def test_a_family_can_be_said() -> None:
    """It outranks both; one that is none gets the nearest name or all of them."""
    assert find_family("stabilityai/sdxl-turbo", None, "sdxl").name == "sdxl"
    with pytest.raises(ValueError, match="did you mean sdxl"):
        find_family("a/b", None, "sdxll")
    with pytest.raises(ValueError, match="there are shapes, flux-schnell"):
        find_family("a/b", None, "???")


@pytest.mark.parametrize(("steps", "moved"), [(1, 20), (20, 20), (30, 30), (50, 50), (150, 50)])
def test_clamping(steps: int, moved: int) -> None:
    """To the nearest bound, and not at all inside."""
    assert families()["flux-dev"].clamp(steps) == moved


def test_a_range_verdict_names_both_ends() -> None:
    """What is outside, on which side, and what the family works with."""
    family = families()["flux-dev"]
    verdict = range_verdict(family, [10, 30, 60, 70])
    assert verdict is not None
    assert verdict.level == "warning"
    assert verdict.message == "Steps 10 below 20 and 60, 70 above 50: FLUX.1 dev works from 20 to 50, best at 28-35."
    assert range_verdict(family, [20, 50]) is None


@pytest.mark.parametrize(
    ("scheduler", "steps", "said"),
    [
        ("euler", [25], None),
        ("euler", [20, 40], "Euler adds little above 25 steps, and this asks for 40."),
        ("unipc", [30], "UniPC adds little above 25"),
        ("dpm++2m-sde", [40], None),
        ("dpm++2m-sde", [60], "DPM++ 2M SDE adds little above 50"),
        ("euler-a", [40], None),
        ("euler-a", [20, 40], "Euler a never converges"),
        ("default", [100], None),
    ],
)
def test_what_is_said_of_a_sampler(scheduler: str, steps: list[int], said: str | None) -> None:
    """By how it answers to more steps; of the pipeline's own nothing is known."""
    verdict = scheduler_verdict(scheduler, steps)
    assert (verdict is None) is (said is None)
    if verdict is not None and said is not None:
        assert verdict.level == "note"
        assert said in verdict.message


def test_a_family_is_parsed() -> None:
    """Lists become tuples, so that a family can be compared and kept."""
    values = {
        "title": "x",
        "minimum": 1,
        "recommended": [2, 3],
        "sweet_spot": 2,
        "maximum": 4,
        "profiles": {},
        "size": 64,
    }
    family = Family.parse("mine", values)
    assert (family.name, family.recommended, family.globs, family.flow) == ("mine", (2, 3), (), False)


@given(st.text(max_size=30), st.none() | st.text(max_size=20))
def test_every_model_has_a_family(model: str, class_name: str | None) -> None:
    """If only the unknown one; case does not matter."""
    family = find_family(model, class_name)
    assert families()[family.name] == family
    assert find_family(f"{model}SDXL-Turbo", class_name).distilled


@given(st.sampled_from(sorted(families())), st.lists(st.integers(1, MAXIMUM), min_size=1, max_size=5))
def test_what_was_clamped_is_in_range(name: str, steps: list[int]) -> None:
    """No second warning, and steps that were fine are left alone."""
    family = families()[name]
    clamped = [family.clamp(each) for each in steps]
    assert range_verdict(family, clamped) is None
    assert (range_verdict(family, steps) is None) == (clamped == steps)
    assert [family.clamp(each) for each in clamped] == clamped
