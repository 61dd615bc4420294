"""Safetensors files and folders: whole, broken, pickled, sharded, and the same tomorrow."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from farm import weights
from farm.weights import component_fault, fault, fingerprint


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
    path = tmp_path / "w.safetensors"
    path.write_bytes(data)
    found = fault(path)
    assert (found is None) is (said is None)
    assert (said or "") in (found or "")


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=60) | st.binary(max_size=40).map(safetensors))
def test_no_bytes_raise(tmp_path: Path, data: bytes) -> None:
    """Whatever is called safetensors, the answer is a sentence or None."""
    path = tmp_path / "w.safetensors"
    path.write_bytes(data)
    found = fault(path)
    assert found is None or "\n" not in found


def test_a_real_model_is_whole() -> None:
    """The built-in one."""
    from farm.models import builtin_path

    for name in ("unet", "vae", "text_encoder"):
        assert component_fault(builtin_path("shapes") / name) is None


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
    found = component_fault(component(**files), variant)
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
    found = component_fault(folder)
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
    before = fingerprint(model)
    (model / name).write_bytes(b"changed")
    assert fingerprint(model) != before


@pytest.mark.parametrize("name", ["README.md", "train.py", ".cache/x.json", "__pycache__/y.json", "unet/w.bin"])
def test_a_fingerprint_is_nothing_else(model: Path, name: str) -> None:
    """Notes and scripts beside the model leave it as it is."""
    before = fingerprint(model)
    (model / name).write_bytes(b"changed")
    assert fingerprint(model) == before


def test_large_weights_are_sampled(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A change at the beginning, in the samples or at the end shows; so does another length."""
    monkeypatch.setattr(weights, "_WHOLE", 100)
    monkeypatch.setattr(weights, "_SAMPLE", 10)
    path = model / "unet" / "w.safetensors"
    data = bytes(range(256)) * 8
    seen = set()
    for changed in (data, b"x" + data[1:], data[:-1] + b"x", data[:1024] + b"x" * 512 + data[1536:], data + b"x"):
        path.write_bytes(changed)
        seen.add(fingerprint(model))
    assert len(seen) == 5
