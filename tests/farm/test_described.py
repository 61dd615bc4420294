"""What a pipeline's files say of it, from wherever they lie."""

import json
from typing import Any

import pytest

from farm import described
from farm.errors import ManifestError
from farm.files import DiskFiles, StoredFiles
from farm.models import builtin_path
from farm.store.memory import MemoryStore
from farm.weights import components

GOOD = (2).to_bytes(8, "little") + b"{}"
INDEX = {
    "_class_name": "StableDiffusionPipeline",
    "unet": ["diffusers", "UNet2DConditionModel"],
    "tokenizer": ["transformers", "CLIPTokenizer"],
    "safety_checker": [None, None],
}


def stored(index: Any = None, **files: bytes) -> StoredFiles:
    """A model in a bucket."""
    store = MemoryStore()
    store.put("model_index.json", json.dumps(INDEX if index is None else index).encode())
    for name, data in files.items():
        store.put(name.replace("__", "/", 1).replace("_json", ".json"), data)
    store.put("unet/w.safetensors", GOOD)
    store.put("tokenizer/vocab.txt", b"a")
    return StoredFiles(store)


def test_the_built_in_model_describes_itself() -> None:
    """Its class, its edge, what its edges are multiples of."""
    files = DiskFiles(builtin_path("shapes"))
    index = described.read_index(files, "m")
    assert index["_class_name"] == "StableDiffusionPipeline"
    described.check_components(files, "m", index, None)
    assert (described.default_size(files), described.multiple(files, "StableDiffusionPipeline")) == (64, 8)
    assert described.trained(files, "StableDiffusionPipeline").flow is False
    assert described.architecture(files)["sample_size"] == 16


def test_a_bucket_is_checked_as_a_folder_is() -> None:
    """Component by component, with what is wrong in its weights."""
    files = stored()
    described.check_components(files, "s3://b/m", described.read_index(files, "s3://b/m"), None)
    with pytest.raises(ManifestError, match=r"unet of 's3://b/m' has no weights of the variant fp16"):
        described.check_components(files, "s3://b/m", INDEX, "fp16")
    with pytest.raises(ManifestError, match=r"'s3://b/m' lacks vae, which its model_index.json names"):
        described.check_components(files, "s3://b/m", INDEX | {"vae": ["diffusers", "AutoencoderKL"]}, None)
    broken = stored(unet__config_json=b"{")
    broken.store.put("unet/w.safetensors", GOOD[:-1])
    with pytest.raises(ManifestError, match=r"unet of 'm' has a broken file: w\.safetensors"):
        described.check_components(broken, "m", INDEX, None)


@pytest.mark.parametrize(
    ("index", "said"),
    [
        ([], "cannot be read as that of a diffusers pipeline"),
        ({"_class_name": ["mine", "Mine"]}, "code of its own"),
        ({"_class_name": "WanPipeline"}, "is a WanPipeline, which makes videos"),
    ],
)
def test_an_index_that_is_not_for_the_farm_is_refused(index: Any, said: str) -> None:
    """Before anything else is read."""
    with pytest.raises(ManifestError, match=said) as caught:
        described.read_index(stored(index), "m")
    assert caught.value.field == "render.model"


def test_code_beside_the_weights_is_refused() -> None:
    """A component whose class lies in its own folder."""
    files = stored()
    files.store.put("unet/mine.py", b"")
    with pytest.raises(ManifestError, match="unet of 'm' has code of its own"):
        described.check_components(files, "m", {"unet": ["mine", "Mine"]}, None)


@pytest.mark.parametrize("value", [None, [], [None, None], [None, "X"], "x", False, 3])
def test_what_an_index_leaves_empty_is_no_component(value: Any) -> None:
    """Nor are its notes."""
    assert components({"unet": value, "_notes": ["a", "b"]}) == {}


@pytest.mark.parametrize("data", [b"", b"{", b"[1]", b'"x"'])
def test_a_configuration_that_cannot_be_read_says_nothing(data: bytes) -> None:
    """The pipeline's own defaults hold."""
    files = stored(unet__config_json=data)
    assert described.config(files, "unet") == {}
    assert described.default_size(files) == 1024


def test_the_design_is_the_configuration_without_its_notes() -> None:
    """Saved by another release it is the same design."""
    one, two = (stored(unet__config_json=json.dumps({"_v": v, "x": 1}).encode()) for v in (1, 2))
    assert described.architecture(one) == described.architecture(two) == {"x": 1}
