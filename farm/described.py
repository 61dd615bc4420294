"""What a pipeline's own files say of it: its class, its size, how it was trained, and whether it can be loaded."""

import json
import re
from collections.abc import Mapping
from typing import Any

from farm.errors import ManifestError
from farm.files import INDEX, ModelFiles
from farm.manifest.place import shown
from farm.pipelines import CUSTOM, ignored_fields, least_multiple, why_unsuited
from farm.steps.trained import Trained
from farm.weights import component_fault, components

_WEIGHTLESS = re.compile(r"Tokenizer|Scheduler|Processor|FeatureExtractor|TokenizerFast")
#: Pipelines that pack latents two by two, and round a size that does not divide.
_PACKED_CLASSES = re.compile(r"Flux|QwenImage|ZImage|Chroma")
#: Components that predict noise; one of them says which architecture this is.
_DENOISERS = ("unet", "transformer", "prior")
#: Edge of latents that pipelines without a sample size of their own assume.
_LATENT_EDGE = 128
_VAE_SCALE = 8


def wrong(message: str, field: str = "render.model") -> ManifestError:
    """An error about a model, or about a field beside it."""
    return ManifestError(message, field=field)


def read_index(files: ModelFiles, model: str) -> dict[str, Any]:
    """The ``model_index.json`` of a pipeline that the farm can serve.

    Args:
        files: of the model.
        model: what the user calls it.

    Raises:
        ManifestError: there is none, it cannot be read, or names a pipeline that is not for the farm.
    """
    if INDEX not in files.sizes:
        raise wrong(f"{shown(model)} has no {INDEX}: it is no diffusers pipeline.")
    try:
        index = json.loads(files.read(INDEX))
    except ValueError:
        index = None
    if isinstance(index, dict) and isinstance(index.get("_class_name"), list):
        raise wrong(f"{shown(model)} {CUSTOM}.")
    if not isinstance(index, dict) or not isinstance(index.get("_class_name"), str):
        raise wrong(f"{INDEX} of {shown(model)} cannot be read as that of a diffusers pipeline.")
    check_class(index["_class_name"], model)
    return index


def check_class(class_name: str, model: str) -> None:
    """Refuse a pipeline that the farm cannot serve; raises `ManifestError`."""
    why = why_unsuited(class_name)
    if why is not None:
        raise wrong(f"{shown(model)} is a {class_name}, which {why}.")


def check_components(files: ModelFiles, model: str, index: Mapping[str, Any], variant: str | None) -> None:
    """Every component that the index names is there, with weights that can be loaded; raises `ManifestError`."""
    there = {path.partition("/")[0] for path in files.sizes if "/" in path}
    for name, value in components(index).items():
        if name not in there:
            raise wrong(f"{shown(model)} lacks {name}, which its {INDEX} names.")
        if f"{name}/{value[0]}.py" in files.sizes:
            raise wrong(f"{name} of {shown(model)} has code of its own, which the farm does not run.")
        if len(value) > 1 and _WEIGHTLESS.search(str(value[1])):
            continue
        why = component_fault(files, name, variant)
        if why:
            raise wrong(f"{name} of {shown(model)} {why}.")


def config(files: ModelFiles, *names: str) -> dict[str, Any]:
    """The configuration of the first of some components that is there."""
    for name in names:
        for path in (f"{name}/config.json", f"{name}/scheduler_config.json"):
            try:
                found = json.loads(files.read(path)) if path in files.sizes else None
            except ValueError:
                continue
            if isinstance(found, dict):
                return found
    return {}


def architecture(files: ModelFiles) -> dict[str, Any]:
    """The configuration of what predicts noise, but for the notes in it: equal in two models of one design."""
    return {name: value for name, value in config(files, *_DENOISERS).items() if not name.startswith("_")}


def vae_scale(files: ModelFiles) -> int:
    """Pixels per latent."""
    vae = config(files, "vae", "vqvae", "movq")
    blocks = vae.get("block_out_channels") or vae.get("encoder_block_out_channels")
    if isinstance(blocks, list) and blocks:
        return int(2 ** min(len(blocks) - 1, 6))
    frames = vae.get("temperal_downsample")  # as those that know videos spell it
    return int(2 ** min(len(frames), 6)) if isinstance(frames, list) and frames else _VAE_SCALE


def multiple(files: ModelFiles, class_name: str) -> int:
    """What an edge must be a multiple of: so many pixels make one token of the transformer."""
    patch = config(files, "transformer").get("patch_size")
    together = patch if isinstance(patch, int) and patch > 0 else 1
    return max(least_multiple(class_name), vae_scale(files) * (2 if _PACKED_CLASSES.match(class_name) else together))


def default_size(files: ModelFiles) -> int:
    """The edge in pixels that the pipeline itself would draw: its latents' edge times the scale of its VAE."""
    latent = config(files, *_DENOISERS).get("sample_size")
    edge = latent if isinstance(latent, int) and latent > 0 else _LATENT_EDGE
    return max(8, edge * vae_scale(files) // 8 * 8)


def ignored(files: ModelFiles, class_name: str) -> tuple[str, ...]:
    """Fields of ``render`` that would have no effect on it."""
    return ignored_fields(class_name, guidance_embeds=bool(config(files, "transformer").get("guidance_embeds")))


def trained(files: ModelFiles, class_name: str) -> Trained:
    """Which schedulers fit it."""
    scheduler = config(files, "scheduler")
    return Trained.of(str(scheduler.get("_class_name")), scheduler, class_name=class_name)
