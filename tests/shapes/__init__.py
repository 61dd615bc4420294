"""Tiny pipelines with random weights, built offline: the shapes of real models without their size."""

import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch

from tests.shapes import dits, unets

#: Every shape by name.
SHAPES: Mapping[str, Callable[[], Any]] = {
    "sd15": unets.sd15,
    "sd-v": unets.sd_v,
    "lcm": unets.lcm,
    "sdxl": unets.sdxl,
    "flux": dits.flux,
    "schnell": dits.schnell,
    "sd3": dits.sd3,
    "sd3-small": dits.sd3_small,
    "pixart": dits.pixart,
    "sana": dits.sana,
    "auraflow": dits.auraflow,
    "lumina2": dits.lumina2,
    "zimage": dits.zimage,
    "chroma": dits.chroma,
    "cogview4": dits.cogview4,
    "qwen-image": dits.qwen_image,
}

#: Shapes that give guidance a pass of its own, so that the denoiser is called twice as often.
TWO_PASSES = {"chroma", "cogview4", "lumina2"}
#: Levels of 255 by which a picture may differ: weights that lie otherwise in memory, or a batch of another size, move
#: the last bit of a sum.
ROUNDING = 1


def make(name: str) -> Any:
    """A pipeline of a shape, its weights the same every time."""
    torch.manual_seed(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # diffusers' own, of its next version
        return SHAPES[name]()


def save(name: str, folder: Path) -> Path:
    """A pipeline of a shape as a folder of safetensors."""
    make(name).save_pretrained(folder / name, safe_serialization=True)
    return folder / name
