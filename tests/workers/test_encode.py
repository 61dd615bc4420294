import io
from collections.abc import Callable

import numpy as np
import pytest
import sd_parsers
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from farm.manifest.task import PipelineKey, RenderTask
from farm.steps.schedulers import SCHEDULERS
from workers.encode import encode
from workers.parameters import Origin, parameters

MakeTask = Callable[..., RenderTask]
PIXELS = np.random.default_rng(0).integers(0, 256, (16, 24, 3), dtype=np.uint8)
ORIGIN = Origin(job="j", sampler="DPM++ 2M Karras", guidance_scale=7.5, model="shapes", model_hash="0123456789")


def opened(data: bytes) -> Image.Image:
    """The picture, read."""
    return Image.open(io.BytesIO(data))


def test_png_keeps_every_pixel() -> None:
    """And its size."""
    image = opened(encode(PIXELS, texts={}))
    assert image.format == "PNG"
    assert np.array_equal(np.asarray(image), PIXELS)


@pytest.mark.parametrize("kind", ["jpeg", "webp"])
def test_lossy_kinds_carry_the_parameters(kind: str) -> None:
    """Where others look for them: EXIF's user comment."""
    image = opened(encode(PIXELS, kind=kind, texts={"parameters": "a bär\nSteps: 4", "stepfarm": "{}"}))
    assert image.format == kind.upper()
    comment = image.getexif().get_ifd(0x8769)[0x9286]
    assert comment.removeprefix(b"UNICODE\0").decode("utf-16-be") == "a bär\nSteps: 4"


def test_grey_pictures_are_pictures() -> None:
    """A pipeline may answer one channel."""
    assert opened(encode(PIXELS[:, :, :1], texts={})).mode == "L"


def test_without_metadata_nothing_is_told() -> None:
    """`output.prompt_metadata: false` leaves no text in the file."""
    assert opened(encode(PIXELS, texts={})).info == {}


def test_half_a_character_is_no_reason_to_fail() -> None:
    """JSON can hold half a surrogate pair, and no file can."""
    assert opened(encode(PIXELS, texts={"parameters": "a\ud800b"})).info["parameters"] == "a?b"


@settings(max_examples=60, deadline=None)
@given(st.text(alphabet=st.characters(exclude_categories=["Cs"], exclude_characters="\0\r"), max_size=200))
def test_any_text_survives(text: str) -> None:
    """Line breaks, quotes, emoji, any script."""
    assert opened(encode(PIXELS, texts={"parameters": text})).info.get("parameters", "") == text


@pytest.mark.parametrize(
    "prompt", ["a cat", "two lines\nof: text, with (commas:1.2)", "日本語のプロンプト 🐈", 'a "quoted" cat']
)
@pytest.mark.parametrize("negative", ["", "blurry, low quality"])
def test_others_read_our_pictures(make_task: MakeTask, prompt: str, negative: str) -> None:
    """sd-parsers finds prompt, negative prompt, steps, sampler, guidance, seed, size and model."""
    task = make_task(
        PipelineKey("builtin:shapes"), prompt=prompt, negative_prompt=negative, seed=2**64 - 1, steps=20, width=24,
        height=16, guidance_scale=6.5, scheduler="dpm++2m-karras",
    )  # fmt: skip
    found = sd_parsers.ParserManager().parse(opened(encode(PIXELS, texts={"parameters": parameters(task, ORIGIN)})))
    assert found is not None
    (sampler,) = found.samplers
    assert [each.value for each in sampler.prompts] == [prompt]
    assert [each.value for each in sampler.negative_prompts] == ([negative] if negative else [])
    assert sampler.name == "DPM++ 2M Karras"
    assert sampler.parameters["steps"] == "20"
    assert sampler.parameters["cfg_scale"] == "6.5"
    assert sampler.parameters["seed"] == str(2**64 - 1)
    assert found.metadata["Size"] == "24x16"
    assert sampler.model is not None
    assert (sampler.model.name, sampler.model.hash) == ("shapes", "0123456789")


@pytest.mark.parametrize("entry", SCHEDULERS.values(), ids=str)
def test_every_sampler_name_is_read_back(make_task: MakeTask, entry: object) -> None:
    """No name of ours breaks the line that others split."""
    name = entry.sampler_name  # type: ignore[attr-defined]  # a Scheduler
    origin = Origin(job="j", sampler=name, guidance_scale=None, model="m", model_hash="0")
    found = sd_parsers.ParserManager().parse(
        opened(encode(PIXELS, texts={"parameters": parameters(make_task(), origin)}))
    )
    assert found is not None
    assert found.samplers[0].name == name
