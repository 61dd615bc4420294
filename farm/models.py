"""What a manifest calls a model -> what a worker can load: a Hub id, a local folder or a built-in model."""

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from farm.errors import ManifestError
from farm.manifest.paths import find
from farm.manifest.place import shown
from farm.pipelines import CUSTOM, why_unsuited
from farm.steps.policy import Family, find_family
from farm.steps.trained import Trained
from farm.weights import component_fault, fingerprint

BUILTIN = "builtin:"
_HUB = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")
#: Most characters of a Hub id.
_HUB_LENGTH = 96 * 2 + 1
_WEIGHTLESS = re.compile(r"Tokenizer|Scheduler|Processor|FeatureExtractor|TokenizerFast")
#: Pipelines that pack latents two by two, and round a size that does not divide.
_PACKED_CLASSES = re.compile(r"Flux|QwenImage|ZImage|Chroma")
#: Edge of latents that pipelines without a sample size of their own assume.
_LATENT_EDGE = 128
_VAE_SCALE = 8


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """A model as the plan needs it.

    Args:
        model: Hub id, absolute path of a folder, or ``builtin:…``.
        revision: Hub revision, or the fingerprint of a folder.
        family: whose step range holds.
        class_name: the pipeline's class; None where the model is not at hand.
        default_width: pixels; of a model that is not at hand, its family's.
        default_height: pixels.
        trained: which schedulers fit it.
        local: the folder, where there is one.
        multiple: what width and height must be multiples of; a pipeline rounds or refuses anything else.
    """

    model: str
    revision: str | None
    family: Family
    class_name: str | None
    default_width: int
    default_height: int
    trained: Trained
    local: Path | None
    multiple: int = 8

    @property
    def flow(self) -> bool | None:
        """Whether it is a flow-matching model; None where that cannot be told."""
        return self.trained.flow


def builtin_path(name: str) -> Path:
    """The folder of a built-in model such as ``shapes``; it lies beside this package and is never imported."""
    return Path(__file__).resolve().parent.parent / "workers" / "models" / name


def resolve(
    model: str,
    *,
    revision: str | None = None,
    base: Path | None = None,
    variant: str | None = None,
    family: str | None = None,
) -> ModelInfo:
    """Find a model and check what can be checked from here: nothing is downloaded and no weights are read.

    Args:
        model: what the manifest calls it.
        revision: of a Hub model.
        base: the folder that a relative path starts from; the working directory is looked at next.
        variant: of the weights, such as ``fp16``.
        family: the family the user says it is of.

    Raises:
        ManifestError: it is not there, or cannot be loaded.
    """
    folder = _folder(model, base or Path())
    if folder is None:
        return _remote(model, revision, family)
    if revision is not None:
        raise _error(f"is given, and {shown(model)} is a folder, which has none: remove it.", "render.revision")
    try:
        return _local(model, folder, variant, family)
    except OSError as error:
        raise _error(f"the folder {shown(model)} cannot be read: {error.strerror}.") from None


def _local(model: str, folder: Path, variant: str | None, family: str | None) -> ModelInfo:
    index = _index(folder, model)
    _check_components(folder, model, index, variant)
    class_name = str(index.get("_class_name"))
    scale = _vae_scale(folder)
    size = _default_size(folder, scale)
    return ModelInfo(
        model=model if model.startswith(BUILTIN) else str(folder),
        revision=fingerprint(folder),
        family=_family(model if model.startswith(BUILTIN) else _folder_name(folder), class_name, family),
        class_name=class_name,
        default_width=size,
        default_height=size,
        trained=_trained(folder, class_name),
        local=folder,
        multiple=_multiple(folder, class_name, scale),
    )


def _folder_name(folder: Path) -> str:
    """A folder's name; of a snapshot in the Hub's cache, the model's."""
    return next((part for part in reversed(folder.parts) if part.startswith("models--")), folder.name)


def _error(message: str, field: str = "render.model") -> ManifestError:
    return ManifestError(message, field=field)


def _folder(model: str, base: Path) -> Path | None:
    """The local folder a model's name means; None when it means a Hub id."""
    if model.startswith("s3://"):
        raise _error("a model in S3 is known but not supported yet: give a Hub id or a folder.")
    if model.startswith(BUILTIN):
        return _builtin(model)
    found = find(model, base)
    if found is None:
        if _HUB.fullmatch(model) and len(model) <= _HUB_LENGTH:
            return None
        raise _error(f"there is no folder {shown(model)}, and a Hub id looks like org/name.")
    if not found.is_dir():
        raise _error(
            f"{shown(model)} is a file: give the folder of a diffusers pipeline, the one with model_index.json."
        )
    return found.resolve()


def _builtin(model: str) -> Path:
    name = model.removeprefix(BUILTIN)
    folder = builtin_path(name)
    if not re.fullmatch(r"\w+", name) or not (folder / "model_index.json").is_file():
        known = sorted(path.parent.name for path in builtin_path("").glob("*/model_index.json"))
        raise _error(f"there is no built-in model {name[:60]!r}; there is {', '.join(map(BUILTIN.__add__, known))}.")
    return folder


def _remote(model: str, revision: str | None, family: str | None) -> ModelInfo:
    found = _family(model, None, family)
    trained = Trained(flow=True if found.flow else None)
    multiple = 16 if found.name.startswith("flux") else 8
    return ModelInfo(model, revision, found, None, found.size, found.size, trained, None, multiple)


def _family(name: str, class_name: str | None, override: str | None) -> Family:
    try:
        return find_family(name, class_name, override)
    except ValueError as error:
        raise _error(str(error), "render.family") from None


def _index(folder: Path, model: str) -> dict[str, Any]:
    path = folder / "model_index.json"
    if not path.is_file():
        raise _error(f"the folder {shown(model)} has no model_index.json: it is no diffusers pipeline.")
    try:
        index = json.loads(path.read_bytes())
    except ValueError:
        index = None
    if isinstance(index, dict) and isinstance(index.get("_class_name"), list):
        raise _error(f"{shown(model)} {CUSTOM}.")
    if not isinstance(index, dict) or not isinstance(index.get("_class_name"), str):
        raise _error(f"model_index.json of {shown(model)} cannot be read as that of a diffusers pipeline.")
    why = why_unsuited(index["_class_name"])
    if why is not None:
        raise _error(f"{shown(model)} is a {index['_class_name']}, which {why}.")
    return index


def _check_components(folder: Path, model: str, index: dict[str, Any], variant: str | None) -> None:
    """Every component that the index names is there, with weights that can be loaded."""
    for name, value in index.items():
        if name.startswith("_") or not isinstance(value, list) or value[:1] in ([None], []):
            continue
        inner = folder / name
        if not inner.is_dir():
            raise _error(f"the folder {shown(model)} lacks {name}, which its model_index.json names.")
        if (inner / f"{value[0]}.py").is_file():
            raise _error(f"{name} of {shown(model)} has code of its own, which the farm does not run.")
        if len(value) > 1 and _WEIGHTLESS.search(str(value[1])):
            continue
        why = component_fault(inner, variant)
        if why:
            raise _error(f"{name} of {shown(model)} {why}.")


def _config(folder: Path, *names: str) -> dict[str, Any]:
    """The configuration of the first of some components that is there."""
    for name in names:
        for file in ("config.json", "scheduler_config.json"):
            try:
                found = json.loads((folder / name / file).read_bytes())
            except (OSError, ValueError):
                continue
            if isinstance(found, dict):
                return found
    return {}


def _vae_scale(folder: Path) -> int:
    """Pixels per latent."""
    vae = _config(folder, "vae", "vqvae", "movq")
    blocks = vae.get("block_out_channels") or vae.get("encoder_block_out_channels")
    return 2 ** min(len(blocks) - 1, 6) if isinstance(blocks, list) and blocks else _VAE_SCALE


def _multiple(folder: Path, class_name: str, scale: int) -> int:
    """What an edge must be a multiple of: so many pixels make one token of the transformer."""
    patch = _config(folder, "transformer").get("patch_size")
    together = patch if isinstance(patch, int) and patch > 0 else 1
    return max(8, scale * (2 if _PACKED_CLASSES.match(class_name) else together))


def _default_size(folder: Path, scale: int) -> int:
    """The edge in pixels that the pipeline itself would draw: its latents' edge times the scale of its VAE."""
    latent = _config(folder, "unet", "transformer", "prior").get("sample_size")
    edge = latent if isinstance(latent, int) and latent > 0 else _LATENT_EDGE
    return max(8, edge * scale // 8 * 8)


def _trained(folder: Path, class_name: str) -> Trained:
    scheduler = _config(folder, "scheduler")
    return Trained.of(str(scheduler.get("_class_name")), scheduler, class_name=class_name)
