from pathlib import Path

import pytest
import torch
from diffusers import DiffusionPipeline, StableDiffusionPipeline
from safetensors.torch import load_file

from workers.models.shapes.architecture import make_pipeline, make_text_encoder, make_unet, make_vae
from workers.models.shapes.export import export
from workers.models.shapes.tokens import make_tokenizer


@pytest.fixture(scope="module")
def untrained() -> StableDiffusionPipeline:
    """The parts before any training, in float32 and in training's memory layout."""
    tokenizer = make_tokenizer()
    unet = make_unet().to(memory_format=torch.channels_last)
    return make_pipeline(tokenizer=tokenizer, text_encoder=make_text_encoder(tokenizer), vae=make_vae(), unet=unet)


def test_export_is_float16_and_leaves_the_weights_alone(untrained: StableDiffusionPipeline, tmp_path: Path) -> None:
    """The files hold float16; the networks in training keep their precision."""
    export(untrained, tmp_path / "model")
    for file in (tmp_path / "model").rglob("*.safetensors"):
        assert {weight.dtype for weight in load_file(file).values()} == {torch.float16}
    assert untrained.unet.dtype == torch.float32


def test_export_replaces_and_leaves_no_draft(untrained: StableDiffusionPipeline, tmp_path: Path) -> None:
    """A second export lands in the same files, other files stay, and nothing lies beside them."""
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "notes.txt").write_text("mine")
    export(untrained, folder)
    export(untrained, folder)
    assert (folder / "notes.txt").read_text() == "mine"
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_exported_folder_loads_in_full_precision(untrained: StableDiffusionPipeline, tmp_path: Path) -> None:
    """What was written loads as float32, close to what was given."""
    export(untrained, tmp_path / "model")
    loaded = DiffusionPipeline.from_pretrained(tmp_path / "model", use_safetensors=True, dtype=torch.float32)
    left, right = loaded.unet.conv_in.weight, untrained.unet.conv_in.weight
    assert loaded.unet.dtype == torch.float32
    assert torch.allclose(left, right, atol=1e-3)
