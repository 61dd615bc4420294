import io
import json
from collections.abc import Callable

import numpy as np
import pytest
import sd_parsers
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from farm.manifest.task import PipelineKey, RenderTask
from farm.steps.schedulers import SCHEDULERS
from workers.encode import SEGMENT, encode, shortened
from workers.parameters import Origin, parameters, resolved

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
def test_lossy_kinds_carry_both_texts(kind: str) -> None:
    """In EXIF: the parameters where others look for them, our own JSON in the description, who wrote it beside it."""
    texts = {"parameters": "a bär\nSteps: 4", "stepfarm": '{"prompt": "a bär"}'}
    image = opened(encode(PIXELS, kind=kind, texts=texts))
    assert image.format == kind.upper()
    exif = image.getexif()
    assert exif.endian == ">"
    comment = exif.get_ifd(0x8769)[0x9286]
    assert comment.startswith(b"UNICODE\0")
    assert comment[8:].decode("utf-16-be") == "a bär\nSteps: 4"
    assert (exif[0x0131], exif[0x010E]) == ("Stepfarm", '{"prompt": "a b\\u00e4r"}')


@pytest.mark.parametrize("kind", ["png", "jpeg", "webp"])
def test_without_metadata_nothing_is_told(kind: str) -> None:
    """`output.prompt_metadata: false` leaves no text in the file, whatever its kind."""
    data = encode(PIXELS, kind=kind, texts={})
    assert not {"parameters", "stepfarm", "exif"} & opened(data).info.keys()
    assert b"Exif" not in data


def test_quality_decides_the_bytes() -> None:
    """More of it, more bytes; the usual one where none is given."""
    for kind, usual in (("jpeg", 92), ("webp", 90)):
        sizes = [len(encode(PIXELS, kind=kind, quality=quality, texts={})) for quality in (10, 50, 100)]
        assert sizes == sorted(set(sizes))
        assert encode(PIXELS, kind=kind, texts={}) == encode(PIXELS, kind=kind, quality=usual, texts={})


def test_lossless_webp_keeps_every_pixel() -> None:
    """As PNG does."""
    assert np.array_equal(np.asarray(opened(encode(PIXELS, kind="webp", quality="lossless", texts={}))), PIXELS)


@pytest.mark.parametrize(("quality", "sampling"), [(89, 2), (90, 0)])
def test_a_good_jpeg_keeps_its_colours_sharp(quality: int, sampling: int) -> None:
    """No chroma subsampling from 90 on."""
    from PIL.JpegImagePlugin import JpegImageFile, get_sampling

    image = opened(encode(PIXELS, kind="jpeg", quality=quality, texts={}))
    assert isinstance(image, JpegImageFile)
    assert get_sampling(image) == sampling


@pytest.mark.parametrize("characters", [20_000, 40_000, 200_001])
def test_a_text_too_long_for_a_jpeg_is_cut_before_its_settings(characters: int) -> None:
    """A segment holds 64 KiB: our own JSON goes first, then the end of the prompts, never the picture."""
    texts = {"parameters": "🐈" * (characters // 2) + "\nSteps: 4, Seed: 5", "stepfarm": '{"prompt": "🐈"}'}
    comment = opened(encode(PIXELS, kind="jpeg", texts=texts)).getexif().get_ifd(0x8769)[0x9286]
    said = comment[8:].decode("utf-16-be")
    assert said.endswith("\nSteps: 4, Seed: 5")
    assert (said == texts["parameters"]) == (characters == 20_000)
    webp = opened(encode(PIXELS, kind="webp", texts=texts)).getexif().get_ifd(0x8769)[0x9286]
    assert webp[8:].decode("utf-16-be") == texts["parameters"]


@given(st.text(max_size=200), st.integers(0, 40_000), st.integers(0, 20_000))
def test_whatever_is_kept_fits_the_segment(text: str, repeated: int, own: int) -> None:
    """And nothing is cut that would fit."""
    texts = {"parameters": f"{text * (repeated // 100)}\nSteps: 4", "stepfarm": '"' + "ä" * own + '"'}
    kept = shortened(texts)
    size = 2 * len(kept["parameters"].encode("utf-16-be")) // 2 + len(
        json.dumps(json.loads(kept.get("stepfarm", '""')))
    )
    assert size <= SEGMENT + 10
    assert kept["parameters"] == texts["parameters"] or "stepfarm" not in kept


def test_grey_pictures_are_pictures() -> None:
    """A pipeline may answer one channel."""
    assert opened(encode(PIXELS[:, :, :1], texts={})).mode == "L"


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
@pytest.mark.parametrize("kind", ["png", "jpeg", "webp"])
def test_others_read_our_pictures(make_task: MakeTask, kind: str, prompt: str, negative: str) -> None:
    """sd-parsers finds prompt, negative prompt, steps, sampler, guidance, seed, size and model."""
    task = make_task(
        PipelineKey("builtin:shapes"), prompt=prompt, negative_prompt=negative, seed=2**64 - 1, steps=20, width=24,
        height=16, guidance_scale=6.5, scheduler="dpm++2m-karras",
    )  # fmt: skip
    texts = {"parameters": parameters(task, ORIGIN), "stepfarm": resolved(task, ORIGIN)}
    found = sd_parsers.ParserManager().parse(opened(encode(PIXELS, kind=kind, texts=texts)))
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
