from pathlib import Path
from random import Random

import pytest
import torch

from workers.models.shapes import train
from workers.models.shapes.autoencoder import fresh_drawings


def test_stages_make_a_folder_that_loads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command, cut down to seconds, runs all stages and writes a model folder and its checkpoints."""
    monkeypatch.setattr(train, "VAE_ITERATIONS", 2)
    monkeypatch.setattr(train, "PICTURES", 8)
    monkeypatch.setattr(train, "VAE_SAMPLE", 16)
    monkeypatch.setattr("sys.argv", ["train", "--out", str(tmp_path / "model"), "--minutes", "0.005"])
    train.main()
    assert (tmp_path / "model" / "model_index.json").exists()
    assert {file.name for file in (tmp_path / "model-checkpoints").iterdir()} == {
        "vae.pt",
        "corpus.pt",
        "denoiser.pt",
        "softened.pt",
    }


def test_saved_vae_is_whitened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The VAE comes back with its scaling factor, and its latents have a deviation near 1."""
    monkeypatch.setattr(train, "VAE_ITERATIONS", 1)
    monkeypatch.setattr(train, "VAE_SAMPLE", 64)
    train.make_trained_vae(tmp_path / "vae.pt")
    vae = train.load_vae(tmp_path / "vae.pt")
    with torch.no_grad():
        latents = vae.encode(fresh_drawings(Random(9))(32)).latent_dist.mean
    assert vae.config.scaling_factor < 1
    assert latents.std().item() == pytest.approx(1, abs=0.2)
