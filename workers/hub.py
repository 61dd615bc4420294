"""A model of the Hub: fetched beside the GPU thread, so that a cancel is heard; what goes wrong is one sentence."""

import threading
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import Any

from farm.described import read_index
from farm.errors import ManifestError, ModelError
from farm.files import DiskFiles
from farm.manifest.task import PipelineKey
from farm.weights import components
from workers.download import Tick

#: Seconds between two calls of `tick`.
_TICK = 0.5
#: Kind of the error, the first that is among the causes -> what is wrong and what to do.
_SENTENCES = {
    "GatedRepoError": "is gated on the Hub: accept its terms there, and give the workers your HF_TOKEN.",
    "RevisionNotFoundError": "has no revision {revision} on the Hub: check render.revision.",
    "RepositoryNotFoundError": "is not on the Hub, or is private: check the id, or give the workers a HF_TOKEN.",
    "OfflineModeIsEnabled": "is not in this worker's cache of the Hub, and HF_HUB_OFFLINE is set: fetch it with"
    " `hf download {model}`, or unset it.",
}
#: Errors of the Hub's client and of what it stands on: the model could not be had.
_UNREACHABLE = {"ConnectionError", "ConnectError", "TimeoutException", "HfHubHTTPError", "LocalEntryNotFoundError"}


def download(key: PipelineKey, tick: Tick) -> str:
    """The folder of a model's snapshot in the Hub's cache, brought there when it is not.

    Raises whatever the Hub's client raises; `sentence` knows it.
    """
    done: dict[str, Any] = {}

    def run() -> None:
        """In a thread that nobody waits for when the job is cancelled or this process ends."""
        try:
            done["folder"] = str(_download(key))
        except Exception as error:  # noqa: BLE001 raised again below
            done["error"] = error

    thread = threading.Thread(target=run, name="hub", daemon=True)
    thread.start()
    while thread.is_alive():
        thread.join(_TICK)
        tick()
    if "error" in done:
        raise done["error"]
    _check_whole(key, Path(done["folder"]))
    return str(done["folder"])


def _download(key: PipelineKey) -> Any:
    from diffusers import DiffusionPipeline

    return DiffusionPipeline.download(
        key.model, revision=key.revision, variant=key.variant, use_safetensors=True, trust_remote_code=False
    )


def _check_whole(key: PipelineKey, folder: Path) -> None:
    """Refuse a snapshot that was fetched by halves: where the Hub is away, its client takes what there is for whole."""
    files = DiskFiles(folder)
    there = {path.partition("/")[0] for path in files.sizes if "/" in path}
    try:
        index = read_index(files, key.model)
    except ManifestError as error:
        raise ModelError(f"Model {key.model} cannot be loaded: {error.message}") from None
    missing = [name for name in components(index) if name not in there]
    if missing:
        raise ModelError(
            f"Model {key.model} is only partly in this worker's cache of the Hub, without its {missing[0]}: fetch it"
            f" with `hf download {key.model}` where the Hub can be reached."
        )


def sentence(key: PipelineKey, kinds: AbstractSet[str]) -> str | None:
    """Why a model cannot be had from the Hub, for a person; None when it is something else.

    Args:
        key: the pipeline.
        kinds: names of the classes of an error and of what led to it.
    """
    for kind, text in _SENTENCES.items():
        if kind in kinds:
            return f"Model {key.model} {text.format(model=key.model, revision=key.revision)}"
    if kinds & _UNREACHABLE:
        return (
            f"Model {key.model} is not in this worker's cache and the Hub cannot be reached or does not have it: "
            "check the id, the revision and the network, or give the path of a local folder."
        )
    return None
