from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from farm.errors import RenderError
from farm.manifest.task import RenderTask
from workers.arguments import arguments, check_size, company, guidance_name, signed
from workers.pipeline import Loaded

MakeTask = Callable[..., RenderTask]
LoadShape = Callable[[str], Loaded]


class Qwen:
    """Guidance by its other name; a negative prompt switches it on."""

    transformer = SimpleNamespace(config=SimpleNamespace(guidance_embeds=False))

    def __call__(
        self,
        prompt: Any,
        *,
        num_inference_steps: int,
        true_cfg_scale: float = 4.0,
        guidance_scale: float | None = None,
        negative_prompt: Any = None,
    ) -> None:
        """As QwenImage has it."""  # fmt: skip


class Distilled(Qwen):
    """Guidance as a condition."""

    transformer = SimpleNamespace(config=SimpleNamespace(guidance_embeds=True))


class Klein:
    """Takes guidance, and ignores it."""

    config = SimpleNamespace(is_distilled=True)

    def __call__(self, prompt: Any, *, num_inference_steps: int, guidance_scale: float = 4.0) -> None:
        """As FLUX.2 klein has it."""


class Bare:
    """Takes nothing but a prompt."""

    def __call__(self, prompt: Any, num_inference_steps: int) -> None:
        """No guidance."""


def test_every_picture_has_its_own_noise(shape: LoadShape, make_task: MakeTask) -> None:
    """One generator each, on the processor, in the order of the tasks."""
    made = arguments(shape("sd15").pipe, [make_task(seed=seed) for seed in (3, 2**64 - 1)])
    assert [generator.device.type for generator in made["generator"]] == ["cpu", "cpu"]
    assert made["generator"][0].initial_seed() == 3
    assert (made["prompt"], made["output_type"], made["width"]) == (["a cat", "a cat"], "pt", 64)


@given(st.integers(0, 2**64 - 1))
def test_a_seed_may_have_64_bits(seed: int) -> None:
    """Whatever the seed, torch takes it, and no two are the same."""
    assert -(2**63) <= signed(seed) < 2**63
    assert signed(seed) % 2**64 == seed
    torch.Generator("cpu").manual_seed(signed(seed))


@pytest.mark.parametrize("name", ["guidance_scale", "negative_prompt"])
def test_a_field_that_the_pipeline_does_not_take_is_named(make_task: MakeTask, name: str) -> None:
    """What would be ignored silently is refused."""
    task = make_task(**{name: {"guidance_scale": 4.0, "negative_prompt": "blurry"}[name]})
    with pytest.raises(RenderError, match=f"Bare takes no {name}: leave render.{name} out for model"):
        arguments(Bare(), [task])


@pytest.mark.parametrize("scale", [0.0, 1.0])
def test_guidance_that_is_off_needs_no_guidance(make_task: MakeTask, scale: float) -> None:
    """Turbo models' pages say 0: a model that knows no guidance agrees."""
    assert "guidance_scale" not in arguments(Bare(), [make_task(guidance_scale=scale)])


def test_an_empty_negative_prompt_is_not_passed(shape: LoadShape, make_task: MakeTask) -> None:
    """Pipelines read its mere presence as a wish for guidance."""
    pipe = shape("sd15").pipe
    assert "negative_prompt" not in arguments(pipe, [make_task()])
    made = arguments(pipe, [make_task(), make_task(negative_prompt="blurry")])
    assert made["negative_prompt"] == ["", "blurry"]


@pytest.mark.parametrize(
    ("name", "fields", "said"),
    [
        ("flux", {"guidance_scale": 3.5}, None),
        ("flux", {"negative_prompt": "blurry"}, "takes no negative_prompt"),
        ("schnell", {"guidance_scale": 0.0}, None),
        ("schnell", {"guidance_scale": 3.5}, "takes no guidance_scale"),
        ("schnell", {"negative_prompt": "blurry"}, "takes no negative_prompt"),
        ("lcm", {"guidance_scale": 8.0}, None),
        ("lcm", {"negative_prompt": "blurry"}, "takes no negative_prompt"),
        ("sdxl", {"guidance_scale": 0.0}, None),
        ("sd3", {"negative_prompt": "blurry"}, None),
        ("pixart", {"negative_prompt": "blurry"}, None),
    ],
)
def test_what_a_model_would_ignore_is_refused(
    shape: LoadShape, make_task: MakeTask, name: str, fields: dict[str, object], said: str | None
) -> None:
    """FLUX takes a negative prompt and does nothing with it, schnell a guidance scale likewise."""
    task = make_task(**fields)
    if said is None:
        assert arguments(shape(name).pipe, [task])
    else:
        with pytest.raises(RenderError, match=said):
            arguments(shape(name).pipe, [task])


def test_guidance_goes_by_the_name_that_has_an_effect(make_task: MakeTask) -> None:
    """QwenImage calls it true_cfg_scale, and wants to see a negative prompt, if only an empty one."""
    guided = arguments(Qwen(), [make_task(guidance_scale=4.0)])
    assert (guided["true_cfg_scale"], guided["negative_prompt"]) == (4.0, [""])
    assert set(arguments(Qwen(), [make_task()])) == {"prompt", "num_inference_steps"}
    assert "negative_prompt" not in arguments(Qwen(), [make_task(guidance_scale=1.0)])
    assert arguments(Distilled(), [make_task(guidance_scale=4.0)])["guidance_scale"] == 4.0
    with pytest.raises(RenderError, match="Klein takes no guidance_scale"):
        arguments(Klein(), [make_task(guidance_scale=4.0)])


@pytest.mark.parametrize(
    ("name", "expected"), [("sd15", "guidance_scale"), ("schnell", None), ("flux", "guidance_scale")]
)
def test_what_guidance_is_called(shape: LoadShape, name: str, expected: str | None) -> None:
    """By the pipeline's signature and its model's configuration."""
    import inspect

    pipe = shape(name).pipe
    assert guidance_name(pipe, inspect.signature(pipe.__call__).parameters) == expected


@pytest.mark.parametrize(
    ("name", "multiple", "sizes"), [("flux", 8, (72, 68)), ("sd15", 4, (68, 66)), ("zimage", 8, (40, 36))]
)
def test_a_size_that_would_be_rounded_is_refused(
    shape: LoadShape, make_task: MakeTask, name: str, multiple: int, sizes: tuple[int, int]
) -> None:
    """Before anything is rendered."""
    good, bad = sizes
    check_size(shape(name).pipe, make_task(width=good, height=multiple * 4))
    with pytest.raises(RenderError, match=rf"multiples of {multiple}, and {bad}x64 is none: change render\.size"):
        check_size(shape(name).pipe, make_task(width=bad))


def test_what_is_asked_for_is_what_is_drawn(shape: LoadShape, make_task: MakeTask) -> None:
    """Not a picture of another size that is scaled afterwards."""
    for name in ("pixart", "sana"):
        assert arguments(shape(name).pipe, [make_task()])["use_resolution_binning"] is False


def test_who_may_share_a_call(shape: LoadShape, make_task: MakeTask) -> None:
    """Anybody, unless a pipeline lets one picture see another's prompt, or its having a negative prompt."""
    plain, other, negative = make_task(), make_task(prompt="a dog"), make_task(negative_prompt="blurry")
    for name, apart in (("sd15", set()), ("sdxl", {"negative"}), ("cogview4", {"other", "negative"})):
        pipe = shape(name).pipe
        own = company(pipe, plain)
        found = {"other": company(pipe, other), "negative": company(pipe, negative)}
        assert {label for label, kind in found.items() if kind != own} == apart
    assert company(Qwen(), plain) != company(Qwen(), negative)
    assert company(None, plain) is None
