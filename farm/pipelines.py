"""Which pipelines the farm can serve, told from the name of their class: text in, one picture out, one loop of steps.

What cannot be told by name is told by a worker from the pipeline's own signature.
"""

import re
from collections.abc import Iterable

#: What is said of a pipeline whose class lies beside its weights.
CUSTOM = "is a pipeline with code of its own, which the farm does not run: take one of diffusers' own pipelines"
#: What a class's name says it does, and why that is no text-to-image pipeline. The first that matches is said.
_UNSUITED = (
    (r"Modular|Onnx", "is built of blocks or for another runtime: give the pipeline's ordinary folder"),
    (
        r"Audio|Music|AceStep|DanceDiffusion|Spectrogram",
        "makes sound and no pictures: the farm renders text-to-image pipelines only",
    ),
    (
        (
            r"Video|2V|AnimateDiff|^Wan|VACE|^Allegro|^AnyFlow|^LTX|^Latte|^Mochi|SkyReels|EasyAnimate|^Helios"
            r"|^Cosmos.*(World|Predict|Transfer|Omni)|ConsisID|ChronoEdit|SanaWM|LucyEdit|^PIA|I2VGen|Kandinsky6"
        ),
        "makes videos and no pictures: the farm renders text-to-image pipelines only",
    ),
    (
        (
            r"Img2Img|Inpaint|ControlNet|Controlnet|ControlPipeline|Upscale|SuperResolution|Upsample|Refine|Pix2Pix|Adapter"
            r"|Depth2Img|Edit|Variation|Fill|Redux|Layered|I2I|CycleDiffusion|VisualCloze|Blip|RePaint|PaintByExample"
            r"|Marigold|DualGuided|GLIGENTextImage|Emb2Emb"
        ),
        "needs an image to begin with, which the farm cannot give it yet: take the model's text-to-image pipeline",
    ),
    (
        r"Combined|Prior|Decoder|Wuerstchen|Cascade|UnCLIP|^Kandinsky(V22)?Pipeline",
        "draws in several stages, each with steps of its own, which the farm cannot tell apart yet: take another model",
    ),
    (
        r"^ShapE|RFD4|DiffusionGemma|LLaDA|UniDiffuser|LDM3D",
        "makes something else than pictures: the farm renders text-to-image pipelines only",
    ),
)
#: Parameters that give a pipeline away where its name does not.
_TELLING = (
    ({"num_frames", "video", "video_length", "n_frames", "frames"}, _UNSUITED[2][1]),
    ({"audio", "audio_length_in_s", "audio_duration", "audio_end_in_s"}, _UNSUITED[1][1]),
    ({"strength", "mask_image", "control_image"}, _UNSUITED[3][1]),
)
#: What the edges of a picture must be multiples of whatever the model's VAE, by how a class's name begins.
_LEAST_MULTIPLES = {"Sana": 32, "Lumina2": 16, "HunyuanDiT": 16, "CogView4": 16, "Kandinsky5": 16, "BriaFibo": 16}
#: Any latent diffusion model's.
_MULTIPLE = 8
#: Pipelines that take no negative prompt, or do nothing with it by themselves.
_NO_NEGATIVE = re.compile(r"^(Flux|LatentConsistencyModel|SanaSprint|GlmImage|Ideogram)")
#: Pipelines whose guidance is a condition of the model, where the model was trained with one.
_EMBEDDED = re.compile(r"^Flux(Kontext)?Pipeline$")
#: What a pipeline must take to be told what to draw and how.
_NEEDED = {
    "prompt": "takes no prompt: it is not a text-to-image pipeline",
    "num_inference_steps": "takes no number of steps: the farm would not know what it does",
}


def why_unsuited(class_name: str) -> str | None:
    """Why a pipeline of this class cannot be served, as the end of a sentence; None when nothing speaks against it."""
    return next((why for pattern, why in _UNSUITED if re.search(pattern, class_name)), None)


def least_multiple(class_name: str) -> int:
    """What width and height must be multiples of, in pixels; the model's VAE and transformer may ask for more."""
    return next((edge for start, edge in _LEAST_MULTIPLES.items() if class_name.startswith(start)), _MULTIPLE)


def ignored_fields(class_name: str, *, guidance_embeds: bool) -> tuple[str, ...]:
    """Fields of ``render`` that would have no effect.

    Args:
        class_name: of the pipeline.
        guidance_embeds: whether its transformer was trained with guidance as a condition (FLUX.1 dev, and not schnell).
    """
    guidance = ("guidance_scale",) if _EMBEDDED.match(class_name) and not guidance_embeds else ()
    return (*guidance, *(("negative_prompt",) if _NO_NEGATIVE.match(class_name) else ()))


def why_uncallable(parameters: Iterable[str], required: Iterable[str]) -> str | None:
    """Why a pipeline that takes these parameters cannot be served, or None.

    Args:
        parameters: of its call.
        required: those of them without a default.
    """
    given = set(parameters)
    for name, why in _NEEDED.items():
        if name not in given:
            return why
    telling = next((why for names, why in _TELLING if names & given), None)
    asked = sorted(set(required) - {"prompt"})
    return telling or (f"asks for {asked[0]}, which the farm cannot give it" if asked else None)
