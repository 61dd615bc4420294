"""Teach the trained denoiser to bear diffusers' default guidance.

So small a model follows its captions closely without much guidance: it is at its best at a scale of 2 to 3, and at 7.5,
which is what a prompt without settings gets, few steps overshoot into wrong colours. Here a copy learns to make of a
caption only `SOFTNESS` of the difference that the trained model makes of it, so that a scale of 7.5 does what 3 did.
"""

import copy
from typing import ClassVar

import torch
from diffusers import UNet2DConditionModel
from torch import Tensor
from torch.nn import functional as F
from transformers import CLIPTextModel

from workers.models.shapes.denoiser import DenoiserTraining, predict

SOFTNESS = 0.4
#: Of every so many captions one is moved to another picture: with guidance the model meets such pairs too.
MOVED_EVERY = 4


class Softening(DenoiserTraining):
    """Training towards the predictions of the model as it was given, which stays as it is."""

    peak_rate: ClassVar[float] = 5e-4

    def __init__(
        self, *, unet: UNet2DConditionModel, text_encoder: CLIPTextModel, empty: Tensor, seconds: float
    ) -> None:
        """Soften the given networks, in place, for `seconds`; `empty` holds the ids (32) of the empty caption."""
        super().__init__(unet=unet, text_encoder=text_encoder, seconds=seconds)
        self.empty = empty
        self.teacher = copy.deepcopy(self.parts).requires_grad_(requires_grad=False)

    def loss(self, latents: Tensor, tokens: Tensor) -> Tensor:
        """Mean squared distance to the softened prediction of the teacher."""
        tokens = tokens.clone()
        tokens[::MOVED_EVERY] = tokens[::MOVED_EVERY].roll(1, dims=0)
        times = self.times(len(latents))
        noisy, _ = self.noised(latents, times)
        with torch.no_grad():
            bare = predict(self.teacher, noisy, times, self.empty.expand_as(tokens))
            full = predict(self.teacher, noisy, times, tokens)
        return F.mse_loss(predict(self.parts, noisy, times, tokens), bare + SOFTNESS * (full - bare))
