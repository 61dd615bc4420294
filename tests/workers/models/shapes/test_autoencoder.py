from random import Random

import pytest
import torch
from diffusers import AutoencoderKL
from torch import Tensor

from workers.models.shapes.architecture import make_vae
from workers.models.shapes.autoencoder import decibels, fresh_drawings, scaling_factor, train_vae, whiten


@pytest.fixture
def vae() -> AutoencoderKL:
    """An untrained VAE whose encoder is stirred, so that its channels differ."""
    torch.manual_seed(0)
    vae = make_vae()
    with torch.no_grad():
        vae.quant_conv.bias.normal_()
    return vae


@pytest.fixture
def pixels() -> Tensor:
    """Eight drawings."""
    return fresh_drawings(Random(0))(8)


def test_drawings_are_pixels_around_zero(pixels: Tensor) -> None:
    """Drawings come as (n, 3, 64, 64) between -1 and 1."""
    assert pixels.shape == (8, 3, 64, 64)
    assert pixels.min() >= -1
    assert pixels.max() <= 1


def test_drawings_never_repeat() -> None:
    """Each call gives new pictures."""
    source = fresh_drawings(Random(0))
    assert not torch.equal(source(1), source(1))


@torch.no_grad()
def test_whitening_gives_channels_equal_weight(vae: AutoencoderKL, pixels: Tensor) -> None:
    """Every latent channel has mean 0 and deviation 1 afterwards."""
    whiten(vae, pixels)
    means = vae.encode(pixels).latent_dist.mean
    assert means.mean(dim=(0, 2, 3)).abs().max() < 1e-3
    assert means.std(dim=(0, 2, 3)) == pytest.approx([1.0] * 4, abs=1e-3)


@torch.no_grad()
def test_whitening_changes_no_picture(vae: AutoencoderKL, pixels: Tensor) -> None:
    """What comes out of the VAE is the same before and after."""
    before = vae.decode(vae.encode(pixels).latent_dist.mean).sample
    whiten(vae, pixels)
    after = vae.decode(vae.encode(pixels).latent_dist.mean).sample
    assert torch.allclose(before, after, atol=1e-4)


def test_scaling_factor_undoes_the_spread(vae: AutoencoderKL, pixels: Tensor) -> None:
    """Latents times the factor have a deviation of about 1."""
    torch.manual_seed(0)
    latents = vae.encode(pixels).latent_dist.sample()
    assert latents.std().item() * scaling_factor(vae, pixels) == pytest.approx(1, abs=0.05)


def test_training_brings_pictures_nearer(vae: AutoencoderKL, pixels: Tensor) -> None:
    """Even eight iterations lower the error."""
    before = decibels(vae, pixels)
    train_vae(vae, lambda count: pixels[:count], iterations=8)
    assert decibels(vae, pixels) > before
