"""Load a pipeline: safetensors only, no code from strangers, one sentence when it cannot be done."""

import contextlib
import hashlib
import inspect
import os
import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from farm.errors import FarmError, ModelError
from farm.manifest.task import PipelineKey
from farm.pipelines import CUSTOM, why_uncallable, why_unsuited
from workers import hub
from workers.device import Device, check_dtype
from workers.embeds import EmbedCache
from workers.lease import StoppedError
from workers.locate import Find, here

#: Read by the libraries when they are imported: no remote code, and nothing on the user's terminal but ours. On a
#: processor, threads that wait for each other spin for a moment only, and then sleep. Measured on two cores: as long as
#: torch has them spin by itself, a renderer beside other busy processes takes five to twenty times longer; not at all,
#: one that is alone takes up to 1.6 times as long; for so many turns, neither.
ENVIRONMENT = {
    "DIFFUSERS_DISABLE_REMOTE_CODE": "1",
    "DIFFUSERS_VERBOSITY": "error",
    "TRANSFORMERS_VERBOSITY": "error",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "TOKENIZERS_PARALLELISM": "false",
    "OMP_WAIT_POLICY": "PASSIVE",
    "GOMP_SPINCOUNT": "5000",
}
#: Kinds of parameters that stand for any number of others.
_OPEN = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
_HEX = re.compile(r"[0-9a-f]{10,}")


@dataclass
class Loaded:
    """A pipeline on its device, used by one thread.

    Args:
        key: what it was asked for as.
        pipe: the diffusers pipeline.
        device: where its weights are.
        dtype: number format of its weights, such as ``bfloat16``.
        bytes: size of its weights.
        embeds: prompt embeddings it has already made.
    """

    key: PipelineKey
    pipe: Any
    device: Device
    dtype: str
    bytes: int
    embeds: EmbedCache = field(default_factory=EmbedCache)

    @property
    def name(self) -> str:
        """Last part of the model's name, as picture metadata says it."""
        return re.split(r"[/:]", self.key.model.rstrip("/"))[-1]

    @property
    def hash(self) -> str:
        """Ten hex digits that stand for this model at this revision."""
        revision = self.key.revision or ""
        if _HEX.fullmatch(revision):
            return revision[:10]
        return hashlib.sha256(f"{self.key.model}@{revision}".encode()).hexdigest()[:10]


def quiet() -> None:
    """Prepare the environment; call before torch, transformers or diffusers are imported."""
    for name, value in ENVIRONMENT.items():
        if name == "DIFFUSERS_DISABLE_REMOTE_CODE":
            os.environ[name] = value
        else:
            os.environ.setdefault(name, value)


def warm_up() -> None:
    """Import what most pipelines are made of: seconds of the process's start, not of the first range."""
    with silenced():
        from diffusers import DiffusionPipeline, StableDiffusionPipeline  # noqa: F401
        from transformers import CLIPTextModel, CLIPTokenizer  # noqa: F401


@contextlib.contextmanager
def silenced() -> Iterator[None]:
    """Keep the libraries' advice to programmers off the user's terminal."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def load(key: PipelineKey, device: Device, find: Find = here) -> Loaded:
    """Load a pipeline onto a device.

    Args:
        key: what is asked for.
        device: where to.
        find: where from, kept there until it is loaded.

    Raises:
        ModelError: it cannot be loaded here; the sentence names the model and says what to do.
        StoppedError: `find` was told to stop.
    """
    check_dtype(key.dtype, device)
    dtype = device.dtype(key.dtype)
    try:
        with silenced(), find(key) as source:
            pipe = _from_pretrained(key, source, dtype).to(device.name)
    except (FarmError, StoppedError):
        raise
    except Exception as error:
        raise ModelError(sentence(key, error)) from error
    pipe.set_progress_bar_config(disable=True)
    return Loaded(key=key, pipe=pipe, device=device, dtype=str(dtype).removeprefix("torch."), bytes=weights(pipe))


def _from_pretrained(key: PipelineKey, source: str, dtype: Any) -> Any:
    from diffusers import DiffusionPipeline
    from diffusers.utils import logging as diffusers_logging
    from transformers.utils import logging as transformers_logging

    diffusers_logging.disable_progress_bar()
    transformers_logging.disable_progress_bar()
    options: dict[str, Any] = {} if Path(source).is_absolute() else {"revision": key.revision}
    index = DiffusionPipeline.load_config(source, **options)
    check_class(key, index.get("_class_name"))
    # what the index leaves empty must be said to be: SD3 without T5 is not loaded otherwise
    empty = {name: None for name, value in index.items() if value in ([None, None], (None, None))}
    return DiffusionPipeline.from_pretrained(
        source, variant=key.variant, torch_dtype=dtype, use_safetensors=True, trust_remote_code=False,
        **options, **empty,
    )  # fmt: skip


def check_class(key: PipelineKey, name: Any) -> None:
    """Refuse a pipeline that the farm cannot serve before its weights are read; raises `ModelError`.

    Args:
        key: named in the error.
        name: what the index of the pipeline calls its class.
    """
    import diffusers

    if not isinstance(name, str):
        raise ModelError(f"Model {key.model} {CUSTOM}.")
    why = why_unsuited(name)
    kind = getattr(diffusers, name, None)
    if why is None and kind is not None:
        parameters = inspect.signature(kind.__call__).parameters
        required = [each for each, one in parameters.items() if one.default is one.empty and one.kind not in _OPEN]
        why = why_uncallable(parameters, set(required) - {"self"})
    if why is not None:
        raise ModelError(f"Model {key.model} is a {name}, which {why}.")


def sentence(key: PipelineKey, error: Exception) -> str:
    """Why a model cannot be loaded, for a person."""
    model, text = key.model, " ".join(str(error).split())
    kinds = {kind.__name__ for cause in causes(error) for kind in type(cause).__mro__}
    if is_out_of_memory(error):
        return f"Model {model} does not fit into this worker's memory: use a larger device or render.dtype bfloat16."
    if "SafetensorError" in kinds or "Unable to load weights" in text:
        return f"Model {model} has a corrupt safetensors file ({text}): copy or download it again."
    from_hub = hub.sentence(key, kinds)
    if from_hub is not None:
        return from_hub
    if "safetensors" in text and ("no file named" in text or "not found" in text or "does not" in text):
        return f"Model {model} has no safetensors weights (only .bin or .ckpt): convert it to safetensors first."
    return f"Model {model} cannot be loaded: {text or type(error).__name__}"


def causes(error: BaseException) -> Iterator[BaseException]:
    """An error and what led to it."""
    found: BaseException | None = error
    while found is not None:
        yield found
        found = found.__cause__ or found.__context__


def is_out_of_memory(error: BaseException) -> bool:
    """Whether a device ran out of memory."""
    import torch

    return isinstance(error, torch.OutOfMemoryError | MemoryError)


def is_broken_device(error: BaseException) -> bool:
    """Whether a device failed in a way that outlives the call: every later one in this process fails too."""
    import torch

    return isinstance(error, torch.AcceleratorError)


def weights(pipe: Any) -> int:
    """Bytes of all parameters and buffers of a pipeline."""
    import torch

    modules = (part for part in pipe.components.values() if isinstance(part, torch.nn.Module))
    tensors = {
        id(tensor): tensor.numel() * tensor.element_size()
        for module in modules
        for tensor in (*module.parameters(), *module.buffers())
    }
    return sum(tensors.values())
