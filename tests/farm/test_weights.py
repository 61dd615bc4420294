"""Safetensors files and folders: whole, broken, pickled, sharded, and the same tomorrow."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from farm import files
from farm.files import DiskFiles
from farm.weights import component_fault, fault, fingerprint, needed, variant_of


def safetensors(header: Any = None, *, data: bytes = b"\0" * 8) -> bytes:
    """A safetensors file of one tensor of eight bytes."""
    tensors = {"w": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}} if header is None else header
    text = tensors if isinstance(tensors, bytes) else json.dumps(tensors).encode()
    return len(text).to_bytes(8, "little") + text + data


GOOD = safetensors()


@pytest.fixture
def component(tmp_path: Path) -> Callable[..., Path]:
    """A component's folder with some files."""

    def make(**files: bytes) -> Path:
        folder = tmp_path / "unet"
        folder.mkdir()
        for name, data in files.items():
            (folder / name.replace("__", "-").replace("_", ".")).write_bytes(data)
        return folder

    return make


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (GOOD, None),
        (safetensors({}, data=b""), None),
        (safetensors({"__metadata__": {"a": "b"}}, data=b""), None),
        (b"", "only the beginning"),
        (b"\1\2\3", "only the beginning"),
        (GOOD[:20], "only the beginning"),
        (b"\xff" * 100, "only the beginning"),
        (GOOD[:-1], "truncated or corrupt"),
        (GOOD + b"x", "truncated or corrupt"),
        (safetensors(b"{not json"), "corrupt header"),
        (safetensors([1]), "corrupt header"),
        (safetensors({"w": {"dtype": "F32"}}), "corrupt header"),
        (safetensors({"w": {"data_offsets": ["a", "b"]}}), "corrupt header"),
        (safetensors({"w": {"data_offsets": []}}), "corrupt header"),
        (b"PK\3\4" + b"\0" * 100, "safetensors"),
    ],
    ids=str,
)
def test_a_file_is_whole_or_is_not(tmp_path: Path, data: bytes, said: str | None) -> None:
    """Its header and its length agree, or the sentence says how they do not."""
    (tmp_path / "unet").mkdir(exist_ok=True)
    (tmp_path / "unet" / "w.safetensors").write_bytes(data)
    found = fault(DiskFiles(tmp_path), "unet/w.safetensors")
    assert (found is None) is (said is None)
    assert (said or "") in (found or "")


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=60) | st.binary(max_size=40).map(safetensors))
def test_no_bytes_raise(tmp_path: Path, data: bytes) -> None:
    """Whatever is called safetensors, the answer is a sentence or None."""
    (tmp_path / "unet").mkdir(exist_ok=True)
    (tmp_path / "unet" / "w.safetensors").write_bytes(data)
    found = fault(DiskFiles(tmp_path), "unet/w.safetensors")
    assert found is None or "\n" not in found


def test_a_real_model_is_whole() -> None:
    """The built-in one."""
    from farm.models import builtin_path

    for name in ("unet", "vae", "text_encoder"):
        assert component_fault(DiskFiles(builtin_path("shapes")), name) is None


@pytest.mark.parametrize(
    ("files", "variant", "said"),
    [
        ({"w_safetensors": GOOD}, None, None),
        ({"w_safetensors": GOOD, "w_bin": b""}, None, None),
        ({"w_safetensors": GOOD, "w_fp16_safetensors": GOOD}, None, None),
        ({"w_safetensors": GOOD, "w_fp16_safetensors": GOOD}, "fp16", None),
        ({"w_bin": b""}, None, "holds only w.bin: the farm loads safetensors only"),
        ({"w_ckpt": b""}, None, "holds only w.ckpt"),
        ({"config_json": b"{}"}, None, "holds no weights"),
        ({"w_safetensors": GOOD[:-1]}, None, "has a broken file: w.safetensors is truncated"),
        ({"w_safetensors": GOOD}, "fp16", "has no weights of the variant fp16"),
        ({"w_fp16_safetensors": GOOD}, None, "has weights of the variant fp16 only: set render.variant to it"),
    ],
)
def test_a_component_can_be_loaded_or_not(
    component: Callable[..., Path], files: dict[str, bytes], variant: str | None, said: str | None
) -> None:
    """Safetensors of the variant asked for, and nothing that is pickled."""
    found = component_fault(DiskFiles(component(**files).parent), "unet", variant)
    assert (found is None) is (said is None)
    assert (said or "") in (found or "")


@pytest.mark.parametrize(
    ("index", "said"),
    [
        (b'{"weight_map": {"a": "w-1.safetensors"}}', None),
        (b'{"weight_map": {"a": "w-1.safetensors", "b": "w-2.safetensors"}}', "lacks the shard w-2.safetensors"),
        (b"{", "corrupt index"),
        (b"[]", "corrupt index"),
        (b'{"weight_map": [1]}', "corrupt index"),
    ],
)
def test_shards_are_all_there(component: Callable[..., Path], index: bytes, said: str | None) -> None:
    """The index names them."""
    folder = component(w__1_safetensors=GOOD, w_safetensors_index_json=index)
    found = component_fault(DiskFiles(folder.parent), "unet")
    assert (found is None) is (said is None)
    assert (said or "") in (found or "")


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A folder of a model in two components, and things that are none of it."""
    folder = tmp_path / "model"
    for name in ("unet", "tokenizer", ".cache", "__pycache__"):
        (folder / name).mkdir(parents=True)
    (folder / "model_index.json").write_text("{}", encoding="utf-8")
    (folder / "unet" / "w.safetensors").write_bytes(GOOD)
    (folder / "tokenizer" / "vocab.txt").write_text("a\nb", encoding="utf-8")
    return folder


@pytest.mark.parametrize("name", ["model_index.json", "unet/w.safetensors", "tokenizer/vocab.txt", "unet/new.json"])
def test_a_fingerprint_is_the_content(model: Path, name: str) -> None:
    """Anything a pipeline loads changes it."""
    before = fingerprint(DiskFiles(model))
    (model / name).write_bytes(b"changed")
    assert fingerprint(DiskFiles(model)) != before


@pytest.mark.parametrize("name", ["README.md", "train.py", ".cache/x.json", "__pycache__/y.json", "unet/w.bin"])
def test_a_fingerprint_is_nothing_else(model: Path, name: str) -> None:
    """Notes and scripts beside the model leave it as it is."""
    before = fingerprint(DiskFiles(model))
    (model / name).write_bytes(b"changed")
    assert fingerprint(DiskFiles(model)) == before


def test_large_weights_are_sampled(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A change at the beginning, in the samples or at the end shows; so does another length."""
    monkeypatch.setattr(files, "_WHOLE", 100)
    monkeypatch.setattr(files, "_SAMPLE", 2)
    path = model / "unet" / "w.safetensors"
    data = bytes(range(256)) * 8
    seen = set()
    for changed in (data, b"x" + data[1:], data[:-1] + b"x", data[:1024] + b"x" * 8 + data[1032:], data + b"x"):
        path.write_bytes(changed)
        seen.add(fingerprint(DiskFiles(model)))
    assert len(seen) == 5


@pytest.mark.parametrize(
    ("name", "variant"),
    [
        ("model.safetensors", None),
        ("model.fp16.safetensors", "fp16"),
        ("diffusion_pytorch_model-00001-of-00002.safetensors", None),
        ("diffusion_pytorch_model.bf16-00001-of-00002.safetensors", "bf16"),
        ("diffusion_pytorch_model.safetensors.index.json", None),
        ("diffusion_pytorch_model.safetensors.index.bf16.json", "bf16"),
    ],
)
def test_the_variant_is_in_the_name(name: str, variant: str | None) -> None:
    """Of weights, of their shards, and of the index of these."""
    assert variant_of(name) == variant


def test_shards_of_a_variant_are_all_there(component: Callable[..., Path]) -> None:
    """Its own index names them; the plain one is nobody's business then."""
    index = b'{"weight_map": {"a": "w.fp16-1.safetensors", "b": "w.fp16-2.safetensors"}}'
    folder = component(w_fp16__1_safetensors=GOOD, w_safetensors_index_fp16_json=index, w_safetensors_index_json=b"{")
    assert component_fault(DiskFiles(folder.parent), "unet", "fp16") == "lacks the shard w.fp16-2.safetensors"


@pytest.mark.parametrize(
    ("variant", "weights"),
    [(None, ["w-1.safetensors", "w.safetensors.index.json"]), ("fp16", ["w.fp16.safetensors"])],
)
def test_a_pipeline_needs_one_variant_and_no_stray_file(model: Path, variant: str | None, weights: list[str]) -> None:
    """Neither pickles, code, notes, other variants nor folders that its index does not name."""
    names = ["w-1.safetensors", "w.safetensors.index.json", "w.fp16.safetensors", "config.json"]
    for name in (*names, "w.bin", "notes.md", "code.py", ".x.json"):
        (model / "unet" / name).write_bytes(b"{}")
    (model / "unet" / "w.safetensors").unlink()
    (model / "old").mkdir()
    (model / "old" / "config.json").write_bytes(b"{}")
    index = {"_class_name": "P", "unet": ["d", "U"], "tokenizer": ["t", "T"], "old": [None, None], "x": False}
    found = needed(DiskFiles(model), index, variant)
    unet = sorted(["config.json", *weights])
    assert found == ["model_index.json", "tokenizer/vocab.txt", *(f"unet/{name}" for name in unet)]
