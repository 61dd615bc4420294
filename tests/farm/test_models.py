"""What a manifest calls a model, and what is said when it is none."""

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from farm.errors import ManifestError, NoBucketError, ServiceError, StoreError
from farm.models import builtin_path, resolve, stored_name
from farm.store.memory import MemoryStore

GOOD = (2).to_bytes(8, "little") + b"{}"
SD = {
    "_class_name": "StableDiffusionPipeline",
    "_diffusers_version": "0.42.1",
    "requires_safety_checker": False,
    "safety_checker": [None, None],
    "scheduler": ["diffusers", "EulerDiscreteScheduler"],
    "tokenizer": ["transformers", "CLIPTokenizer"],
    "unet": ["diffusers", "UNet2DConditionModel"],
    "vae": ["diffusers", "AutoencoderKL"],
}
FLUX = SD | {
    "_class_name": "FluxPipeline",
    "scheduler": ["diffusers", "FlowMatchEulerDiscreteScheduler"],
    "unet": [None, None],
    "transformer": ["diffusers", "FluxTransformer2DModel"],
}

Make = Callable[..., Path]


@pytest.fixture
def folder(tmp_path: Path) -> Make:
    """A pipeline's folder without a single real weight."""

    def make(index: dict[str, Any] = SD, *, name: str = "mugs", **configs: dict[str, Any]) -> Path:
        path = tmp_path / name
        for component, value in index.items():
            if isinstance(value, list) and value[0]:
                (path / component).mkdir(parents=True)
                (path / component / f"{component}_config.json").write_text("{}", encoding="utf-8")
                if component not in {"scheduler", "tokenizer"}:
                    (path / component / "model.safetensors").write_bytes(GOOD)
        for component, config in configs.items():
            file = "scheduler_config.json" if component == "scheduler" else "config.json"
            (path / component / file).write_text(json.dumps(config), encoding="utf-8")
        (path / "model_index.json").write_text(json.dumps(index), encoding="utf-8")
        return path

    return make


def test_the_built_in_model() -> None:
    """Found beside this package, and named without a path, so that a job of it is the same job everywhere."""
    info = resolve("builtin:shapes")
    assert (info.model, info.family.name, info.class_name) == ("builtin:shapes", "shapes", "StableDiffusionPipeline")
    assert (info.default_width, info.default_height, info.flow, info.multiple) == (64, 64, False, 8)
    assert info.local == builtin_path("shapes")
    assert resolve("builtin:shapes").revision == info.revision


@pytest.mark.parametrize(
    ("model", "family", "size", "flow"),
    [
        ("stabilityai/stable-diffusion-xl-base-1.0", "sdxl", 1024, None),
        ("stable-diffusion-v1-5/stable-diffusion-v1-5", "sd", 512, None),
        ("black-forest-labs/FLUX.1-dev", "flux-dev", 1024, True),
        ("somebody/something", "unknown", 1024, None),
    ],
)
def test_a_hub_model_is_taken_at_its_word(model: str, family: str, size: int, flow: bool | None) -> None:  # noqa: FBT001
    """Nothing is downloaded: the family's size, and its kind where the name tells."""
    info = resolve(model, revision="abc")
    assert (info.model, info.revision, info.family.name, info.local) == (model, "abc", family, None)
    assert (info.default_width, info.default_height, info.flow) == (size, size, flow)


def test_a_folder_beside_the_manifest(folder: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else in the working directory; its absolute path is what a worker is told."""
    path = folder()
    assert resolve("mugs", base=tmp_path).model == resolve("./mugs", base=tmp_path).model == str(path)
    monkeypatch.chdir(tmp_path)
    assert resolve("mugs", base=tmp_path / "elsewhere").model == str(path)
    assert resolve(str(path)).local == path


@pytest.mark.parametrize(
    ("vae", "unet", "size"),
    [
        ({"block_out_channels": [1, 2, 3, 4]}, {"sample_size": 64}, 512),
        ({"block_out_channels": [1, 2, 3, 4]}, {"sample_size": 128}, 1024),
        ({"block_out_channels": [1, 2, 3]}, {"sample_size": 16}, 64),
        ({}, {"sample_size": 64}, 512),
        ({"block_out_channels": [1, 2, 3, 4]}, {}, 1024),
        ({"block_out_channels": [1]}, {"sample_size": [9, 9]}, 128),
        ({"temperal_downsample": [False, True]}, {"sample_size": 16}, 64),
    ],
)
def test_a_pipelines_own_size(folder: Make, vae: dict[str, Any], unet: dict[str, Any], size: int) -> None:
    """The edge of its latents times the scale of its VAE, as diffusers has it."""
    assert resolve(str(folder(vae=vae, unet=unet))).default_width == size


def test_a_flow_matching_model(folder: Make) -> None:
    """By its scheduler, its scheduler's configuration, or its class."""
    euler = {"_class_name": "EulerDiscreteScheduler"}
    flow = {"_class_name": "FlowMatchEulerDiscreteScheduler"}
    assert resolve(str(folder(name="a", scheduler=euler))).flow is False
    assert resolve(str(folder(name="b", scheduler=flow))).flow is True
    assert resolve(str(folder(name="c", scheduler=euler | {"use_flow_sigmas": True}))).flow is True
    assert resolve(str(folder(name="d", scheduler=euler | {"prediction_type": "flow_prediction"}))).flow is True
    info = resolve(str(folder(FLUX, name="e", vae={"block_out_channels": [1, 2, 3, 4]})))
    assert (info.flow, info.family.name, info.multiple, info.default_width) == (True, "flux-dev", 16, 1024)


def test_the_family_of_a_folder(folder: Make) -> None:
    """Its name before its class; in the Hub's cache the name is further up."""
    assert resolve(str(folder(name="sdxl-turbo"))).family.name == "distilled"
    assert resolve(str(folder(name="plain"))).family.name == "sd"
    assert resolve(str(folder(name="models--a--flux-schnell/snapshots/0123"))).family.name == "flux-schnell"
    assert resolve(str(folder(name="other")), family="sdxl").family.name == "sdxl"


@pytest.mark.parametrize(
    ("model", "said"),
    [
        ("builtin:shape", "there is no built-in model 'shape'; there is builtin:shapes"),
        ("builtin:../../etc", "there is no built-in model"),
        ("builtin:", "there is no built-in model ''"),
        ("s3://bucket", "must look like s3://bucket/folder"),
        ("s3:///model", "must look like s3://bucket/folder"),
        ("./nothing", "there is no folder './nothing'"),
        ("/nothing/at/all", "there is no folder"),
        ("nothing", "there is no folder 'nothing', and a Hub id looks like org/name"),
        ("a/b/c", "there is no folder"),
        ("../../x", "there is no folder"),
        ("https://huggingface.co/a/b", "there is no folder"),
    ],
)
def test_a_model_that_is_not_there(model: str, said: str) -> None:
    """What was looked for, and what a model looks like."""
    with pytest.raises(ManifestError, match=re.escape(said)) as caught:
        resolve(model)
    assert caught.value.field == "render.model"


def test_a_folder_that_is_no_pipeline(folder: Make, tmp_path: Path) -> None:
    """No index, one that is none, a file, a component that is missing."""
    path = folder()
    for text, said in (
        ("{", "cannot be read"),
        ("[]", "cannot be read"),
        ("{}", "cannot be read"),
        ('{"_class_name": ["my_pipeline", "MyPipeline"]}', "with code of its own"),
    ):
        (path / "model_index.json").write_text(text, encoding="utf-8")
        with pytest.raises(ManifestError, match=said):
            resolve(str(path))
    (path / "model_index.json").unlink()
    with pytest.raises(ManifestError, match=r"has no model_index\.json"):
        resolve(str(path))
    (tmp_path / "model.ckpt").write_bytes(b"")
    with pytest.raises(ManifestError, match="is a file: give the folder"):
        resolve(str(tmp_path / "model.ckpt"))


def test_weights_that_cannot_be_loaded(folder: Make) -> None:
    """Pickled, missing, broken, of another variant: each named with its component."""
    path = folder()
    weights = path / "unet" / "model.safetensors"
    weights.write_bytes(GOOD + b"more")
    with pytest.raises(ManifestError, match=r"unet of .* has a broken file: model\.safetensors is truncated"):
        resolve(str(path))
    weights.rename(path / "unet" / "model.bin")
    with pytest.raises(ManifestError, match=r"holds only model\.bin: the farm loads safetensors only"):
        resolve(str(path))
    (path / "unet" / "model.fp16.safetensors").write_bytes(GOOD)
    with pytest.raises(ManifestError, match=r"variant fp16 only: set render\.variant to it"):
        resolve(str(path))
    with pytest.raises(ManifestError, match=r"vae .* has no weights of the variant fp16"):
        resolve(str(path), variant="fp16")
    shutil.rmtree(path / "unet")
    with pytest.raises(ManifestError, match=r"lacks unet, which its model_index\.json names"):
        resolve(str(path))


def test_a_folder_has_no_revision(folder: Make) -> None:
    """Its content is."""
    with pytest.raises(ManifestError, match=r"render\.revision: is given, and .* is a folder"):
        resolve(str(folder()), revision="main")


def test_a_changed_folder_is_another_revision(folder: Make) -> None:
    """So that a retrained model makes a new job."""
    path = folder()
    before = resolve(str(path)).revision
    (path / "unet" / "config.json").write_text("{}", encoding="utf-8")
    assert resolve(str(path)).revision != before


def test_a_copy_of_the_built_in_model_is_what_it_is(tmp_path: Path) -> None:
    """Under any name, and trained on: its design says so; what the user says goes before."""
    copy = shutil.copytree(builtin_path("shapes"), tmp_path / "sdxl-of-mine")
    assert resolve(str(copy)).family.name == "shapes"
    with (copy / "unet" / "diffusion_pytorch_model.safetensors").open("r+b") as weights:
        weights.seek(-1, 2)
        weights.write(b"x")
    assert resolve(str(copy)).family.name == "shapes"
    assert resolve(str(copy), family="sdxl").family.name == "sdxl"
    config = copy / "unet" / "config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | {"cross_attention_dim": 768}))
    assert resolve(str(copy)).family.name == "sdxl"


class Shop:
    """A server of buckets, one of them with a model in it."""

    def __init__(self, folder: Path) -> None:
        self.store = MemoryStore()
        for path in folder.rglob("*"):
            if path.is_file():
                self.store.put(path.relative_to(folder).as_posix(), path.read_bytes())

    def open(self, bucket: str, prefix: str) -> MemoryStore:
        """A place in a bucket."""
        if bucket == "denied":
            raise StoreError("The store denies access to the bucket 'denied'.")
        if bucket == "missing":
            raise NoBucketError("The store has no bucket 'missing': create it, or check render.model.")
        return self.store if (bucket, prefix) == ("models", "a/mugs") else MemoryStore()


def test_a_model_in_a_bucket(folder: Make) -> None:
    """Its files say what it is, as a folder's do; its revision is their fingerprint."""
    shop = Shop(folder(vae={"block_out_channels": [1, 2, 3, 4]}, unet={"sample_size": 64}))
    info = resolve("s3://models/a/mugs/", buckets=shop.open)
    assert (info.model, info.class_name, info.family.name) == ("s3://models/a/mugs", "StableDiffusionPipeline", "sd")
    assert (info.default_width, info.flow, info.local, info.on_hub) == (512, False, None, False)
    shop.store.put("unet/config.json", b"{}")
    assert resolve("s3://models/a/mugs", buckets=shop.open).revision != info.revision


@pytest.mark.parametrize(
    ("model", "kind", "said"),
    [
        ("s3://models/nothing", ManifestError, "'s3://models/nothing' has no model_index.json"),
        ("s3://missing/x", ManifestError, "'s3://missing/x' is not there. The store has no bucket 'missing'"),
        ("s3://denied/x", StoreError, "denies access to the bucket"),
    ],
)
def test_a_bucket_that_gives_no_model(folder: Make, model: str, kind: type[Exception], said: str) -> None:
    """What the manifest has wrong is its error, what the store refuses is the store's."""
    with pytest.raises(kind, match=re.escape(said)):
        resolve(model, buckets=Shop(folder()).open)


def test_a_bucket_is_checked_for_weights_and_has_no_revision(folder: Make) -> None:
    """Safetensors only, whole, of the variant; a revision is of the Hub."""
    shop = Shop(folder())
    with pytest.raises(ManifestError, match=r"render\.revision: is given"):
        resolve("s3://models/a/mugs", revision="main", buckets=shop.open)
    with pytest.raises(ManifestError, match="has no weights of the variant fp16"):
        resolve("s3://models/a/mugs", variant="fp16", buckets=shop.open)
    shop.store.delete(["unet/model.safetensors"])
    shop.store.put("unet/model.bin", b"")
    with pytest.raises(ManifestError, match=r"holds only model\.bin"):
        resolve("s3://models/a/mugs", buckets=shop.open)


def test_without_a_farm_a_bucket_cannot_be_asked() -> None:
    """The settings say where it is."""
    with pytest.raises(ServiceError, match="No farm is configured here"):
        resolve("s3://models/a/mugs")


@pytest.mark.parametrize(
    ("model", "name"),
    [
        ("/data/my mugs", "my-mugs"),
        ("/data/models--a--b/snapshots/0123", "models--a--b"),
        ("s3://bucket/models/mugs", "mugs"),
        ("/data/..", "model"),
        ("/data/ü", "model"),
        ("/", "model"),
        ("/data/" + "x" * 200, "x" * 60),
        ("/data/.hidden", "hidden"),
    ],
)
def test_a_name_among_keys_and_folders(model: str, name: str) -> None:
    """Short, and nothing in it that could be a path."""
    assert stored_name(model) == name
