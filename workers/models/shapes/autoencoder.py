"""Train the VAE on drawings, then give its latent channels equal weight."""

import logging
import math
from collections.abc import Callable
from random import Random

import numpy as np
import torch
from diffusers import AutoencoderKL
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from workers.models.shapes.drawing import draw, random_scene

log = logging.getLogger(__name__)

BATCH = 8
PEAK_RATE = 1.5e-3
KL_WEIGHT = 3e-4
LOG_EVERY = 100

Pictures = Callable[[int], Tensor]


def to_pixels(pictures: list[Image.Image]) -> Tensor:
    """Pictures as a float tensor (n, 3, 64, 64) in [-1, 1]."""
    array = np.stack([np.asarray(picture) for picture in pictures])
    return torch.from_numpy(array).permute(0, 3, 1, 2).float() / 127.5 - 1


def fresh_drawings(random: Random) -> Pictures:
    """A source of new drawings: called with a count, it gives that many as pixels."""
    return lambda count: to_pixels([draw(random_scene(random)) for _ in range(count)])


def train_vae(vae: AutoencoderKL, pictures: Pictures, *, iterations: int) -> None:
    """Train in place with a cosine learning rate."""
    optimizer = torch.optim.AdamW(vae.parameters(), lr=PEAK_RATE)
    for iteration in range(iterations):
        for group in optimizer.param_groups:
            group["lr"] = PEAK_RATE * 0.5 * (1 + math.cos(math.pi * iteration / iterations))
        loss = reconstruction_loss(vae, pictures(BATCH))
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(vae.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        if iteration % LOG_EVERY == 0:
            log.info("vae %d: loss %.4f", iteration, loss.item())


def reconstruction_loss(vae: AutoencoderKL, pixels: Tensor) -> Tensor:
    """L1 + MSE + L1 of the picture's slopes + a little KL."""
    posterior = vae.encode(pixels).latent_dist
    error = vae.decode(posterior.sample()).sample - pixels
    slopes = error.diff(dim=-1).abs().mean() + error.diff(dim=-2).abs().mean()
    kl = posterior.kl().mean() / posterior.mean[0].numel()
    loss: Tensor = error.abs().mean() + F.mse_loss(error, torch.zeros_like(error)) + slopes + KL_WEIGHT * kl
    return loss


@torch.no_grad()
def whiten(vae: AutoencoderKL, pixels: Tensor) -> None:
    """Shift and scale each latent channel to mean 0 and deviation 1, and undo it before decoding.

    Exact: both lie next to a 1x1 convolution and fold into its weights. Training leaves channels whose deviations
    differ several times, and the denoiser would spend its loss on the loudest.
    """
    means = vae.encode(pixels).latent_dist.mean
    centre, spread = means.mean(dim=(0, 2, 3)), means.std(dim=(0, 2, 3))
    out, back = vae.quant_conv, vae.post_quant_conv
    count = len(spread)
    back.bias += torch.einsum("oi,i->o", back.weight[:, :, 0, 0], centre)
    back.weight *= spread[None, :, None, None]
    out.weight[:count] /= spread[:, None, None, None]
    out.bias[:count] = (out.bias[:count] - centre) / spread
    out.bias[count:] -= 2 * spread.log()


@torch.no_grad()
def scaling_factor(vae: AutoencoderKL, pixels: Tensor) -> float:
    """What sampled latents are multiplied by for a deviation of 1."""
    spread: float = vae.encode(pixels).latent_dist.sample().std().item()
    return round(1 / spread, 3)


@torch.no_grad()
def decibels(vae: AutoencoderKL, pixels: Tensor) -> float:
    """Peak signal-to-noise ratio of pictures sent through the VAE."""
    error = vae.decode(vae.encode(pixels).latent_dist.mean).sample - pixels
    return 10 * math.log10(4 / error.square().mean().item())
