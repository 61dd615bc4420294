"""Which classes of pipelines the farm serves."""

import inspect
import json
from pathlib import Path

import pytest

from farm.errors import ManifestError
from farm.models import resolve
from farm.pipelines import ignored_fields, least_multiple, why_uncallable, why_unsuited

SERVED = [
    "StableDiffusionPipeline", "StableDiffusionXLPipeline", "StableDiffusion3Pipeline", "FluxPipeline",
    "FluxKontextPipeline", "Flux2Pipeline", "Flux2KleinPipeline", "PixArtAlphaPipeline", "PixArtSigmaPipeline",
    "SanaPipeline", "SanaSprintPipeline", "AuraFlowPipeline", "Lumina2Pipeline", "HunyuanDiTPipeline", "ChromaPipeline",
    "CogView4Pipeline", "QwenImagePipeline", "ZImagePipeline", "HiDreamImagePipeline", "LatentConsistencyModelPipeline",
    "StableDiffusionPAGPipeline", "Kandinsky3Pipeline", "KolorsPipeline", "OvisImagePipeline", "PRXPipeline",
]  # fmt: skip


@pytest.mark.parametrize("name", SERVED)
def test_text_to_image_is_served(name: str) -> None:
    """Whatever the architecture."""
    assert why_unsuited(name) is None


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("StableVideoDiffusionPipeline", "makes videos"),
        ("WanPipeline", "makes videos"),
        ("WanImageToVideoPipeline", "makes videos"),
        ("LTXPipeline", "makes videos"),
        ("AnimateDiffSDXLPipeline", "makes videos"),
        ("StableAudioPipeline", "makes sound"),
        ("MusicLDMPipeline", "makes sound"),
        ("StableDiffusionXLImg2ImgPipeline", "needs an image to begin with"),
        ("StableDiffusionInpaintPipeline", "needs an image to begin with"),
        ("FluxControlPipeline", "needs an image to begin with"),
        ("StableDiffusionXLControlNetPipeline", "needs an image to begin with"),
        ("QwenImageEditPipeline", "needs an image to begin with"),
        ("KandinskyV22CombinedPipeline", "draws in several stages"),
        ("StableCascadePriorPipeline", "draws in several stages"),
        ("ShapEPipeline", "makes something else"),
        ("FluxModularPipeline", "built of blocks"),
    ],
)
def test_others_are_refused_with_a_reason(name: str, said: str) -> None:
    """What they make or need instead, and what to do."""
    assert said in str(why_unsuited(name))


@pytest.mark.parametrize(
    ("parameters", "required", "said"),
    [
        ("image num_inference_steps", "", "takes no prompt"),
        ("prompt", "", "takes no number of steps"),
        ("prompt num_inference_steps num_frames", "", "makes videos"),
        ("prompt num_inference_steps audio_length_in_s", "", "makes sound"),
        ("prompt num_inference_steps strength", "", "needs an image"),
        ("prompt num_inference_steps token_indices", "prompt token_indices", "asks for token_indices"),
        ("prompt num_inference_steps image", "prompt", "None"),
    ],
)
def test_a_signature_tells_what_a_name_does_not(parameters: str, required: str, said: str) -> None:
    """Of pipelines that nobody had thought of; an image that may be left out is no hindrance."""
    assert said in str(why_uncallable(parameters.split(), required.split()))


@pytest.mark.parametrize(
    ("name", "embeds", "ignored"),
    [
        ("FluxPipeline", True, ("negative_prompt",)),
        ("FluxPipeline", False, ("guidance_scale", "negative_prompt")),
        ("LatentConsistencyModelPipeline", False, ("negative_prompt",)),
        ("StableDiffusionXLPipeline", False, ()),
        ("QwenImagePipeline", False, ()),
    ],
)
def test_what_has_no_effect(name: str, ignored: tuple[str, ...], *, embeds: bool) -> None:
    """FLUX takes a negative prompt, and schnell a guidance scale, and does nothing with it."""
    assert ignored_fields(name, guidance_embeds=embeds) == ignored


@pytest.mark.parametrize(
    ("name", "multiple"), [("StableDiffusionPipeline", 8), ("SanaPAGPipeline", 32), ("CogView4Pipeline", 16)]
)
def test_what_a_pipeline_insists_on(name: str, multiple: int) -> None:
    """Whatever its VAE."""
    assert least_multiple(name) == multiple


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("WanPipeline", "is a WanPipeline, which makes videos and no pictures"),
        ("StableAudioPipeline", "makes sound"),
        ("StableDiffusionXLImg2ImgPipeline", "take the model's text-to-image pipeline"),
        (["mine", "MyPipeline"], "is a pipeline with code of its own, which the farm does not run"),
    ],
)
def test_a_folder_of_another_kind_is_refused_when_it_is_submitted(tmp_path: Path, name: object, said: str) -> None:
    """By its index alone: one sentence that says what it is and what to do."""
    (tmp_path / "model_index.json").write_text(json.dumps({"_class_name": name, "unet": ["diffusers", "UNet"]}))
    with pytest.raises(ManifestError, match=said) as caught:
        resolve(str(tmp_path))
    assert caught.value.field == "render.model"


@pytest.mark.filterwarnings("ignore")
def test_names_and_signatures_agree_in_diffusers() -> None:
    """No class that its signature gives away is served by its name, and the text-to-image classes all are."""
    diffusers = pytest.importorskip("diffusers")
    from diffusers.pipelines.auto_pipeline import AUTO_TEXT2IMAGE_PIPELINES_MAPPING as KNOWN

    served = {kind.__name__ for kind in KNOWN.values() if why_unsuited(kind.__name__) is None}
    left_out = {kind.__name__ for kind in KNOWN.values()} - served
    assert all("Control" in name or "Combined" in name or "Helios" in name for name in left_out), left_out
    for kind in KNOWN.values():
        parameters = inspect.signature(kind.__call__).parameters
        if kind.__name__ in served and "negative_prompt" not in parameters:
            assert "negative_prompt" in ignored_fields(kind.__name__, guidance_embeds=True), kind
    for name in sorted(each for each in dir(diffusers) if each.endswith("Pipeline") and not each.startswith("Auto")):
        kind = getattr(diffusers, name)
        parameters = inspect.signature(kind.__call__).parameters
        if {"num_frames", "video"} & set(parameters):
            assert "video" in str(why_unsuited(name)), name
        if "strength" in parameters and "prompt" in parameters:
            assert why_unsuited(name) is not None, name
