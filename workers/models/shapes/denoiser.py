"""Train the UNet and the text encoder together on cached latents.

In float32 and channels last, which on two cores is a fifth faster than bfloat16 for networks this small, and eagerly:
compiled under bfloat16 autocast, attention got no gradient at all.
"""

import logging
import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

import torch
from diffusers import UNet2DConditionModel
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from transformers import CLIPTextModel

from workers.models.shapes.architecture import make_scheduler
from workers.models.shapes.corpus import Corpus

log = logging.getLogger(__name__)

BATCH = 32
PEAK_RATE = 1.2e-3
#: Faster rates for what binds words to places, which learns last.
ATTENTION_RATE, TEXT_RATE = 2.0, 1.5
#: Share of the training at the peak rate; a cosine follows.
FLAT_SHARE = 0.45
WARM_UP = 100
EMA_DECAY = 0.998
CLIP_NORM = 1.0
LOG_EVERY = 100
SAVE_EVERY = 500


class DenoiserTraining:
    """The two networks in training, their running averages, and how far they are."""

    peak_rate: ClassVar[float] = PEAK_RATE

    def __init__(self, *, unet: UNet2DConditionModel, text_encoder: CLIPTextModel, seconds: float) -> None:
        """Train for `seconds` in all, spread over as many runs as it takes."""
        unet.to(memory_format=torch.channels_last)
        self.parts = nn.ModuleDict({"unet": unet, "text_encoder": text_encoder})
        moving_average = get_ema_multi_avg_fn(EMA_DECAY)  # type: ignore[no-untyped-call]
        self.averages = AveragedModel(self.parts, multi_avg_fn=moving_average)
        self.optimizer = torch.optim.AdamW(rate_groups(unet, text_encoder), betas=(0.9, 0.99))
        self.budget = seconds
        self.spent = 0.0
        self.iteration = 0
        self.signal = torch.as_tensor(make_scheduler().alphas_cumprod)

    @property
    def progress(self) -> float:
        """Share of the time that is used, up to 1."""
        return min(1.0, self.spent / self.budget)

    def run(self, corpus: Corpus, *, until: float, save: Callable[[], None]) -> None:
        """Train until `progress` reaches `until`."""
        losses: list[float] = []
        while self.progress < until:
            started = time.monotonic()
            losses.append(self.step(*corpus.batch(BATCH)))
            self.spent += time.monotonic() - started
            if self.iteration % LOG_EVERY == 0:
                log.info("%d: %.1f%%, loss %.4f", self.iteration, 100 * self.progress, sum(losses) / len(losses))
                losses.clear()
            if self.iteration % SAVE_EVERY == 0:
                save()
        save()

    def step(self, latents: Tensor, tokens: Tensor) -> float:
        """One update on latents (n, 4, 16, 16) and token ids (n, 32); gives the loss."""
        rate = self.peak_rate * rate_at(self.progress) * min(1.0, (self.iteration + 1) / WARM_UP)
        for group in self.optimizer.param_groups:
            group["lr"] = rate * group["factor"]
        loss = self.loss(latents, tokens)
        loss.backward()  # type: ignore[no-untyped-call]
        if self.iteration == 0:
            require_gradients(self.parts)
        torch.nn.utils.clip_grad_norm_(self.parts.parameters(), CLIP_NORM)
        self.optimizer.step()
        self.optimizer.zero_grad()
        self.averages.update_parameters(self.parts)
        self.iteration += 1
        return loss.item()

    def loss(self, latents: Tensor, tokens: Tensor) -> Tensor:
        """Mean squared error of the predicted velocity (https://arxiv.org/abs/2202.00512), at evenly spread times."""
        times = self.times(len(latents))
        noisy, velocity = self.noised(latents, times)
        return F.mse_loss(predict(self.parts, noisy, times, tokens), velocity)

    def times(self, count: int) -> Tensor:
        """A random timestep in each of `count` equal parts of the schedule."""
        return ((torch.arange(count) + torch.rand(count)) / count * len(self.signal)).long()

    def noised(self, latents: Tensor, times: Tensor) -> tuple[Tensor, Tensor]:
        """The latents with noise for their times, and the velocity that leads from one to the other."""
        kept, mixed = (part[times, None, None, None] for part in (self.signal.sqrt(), (1 - self.signal).sqrt()))
        noise = torch.randn_like(latents)
        return kept * latents + mixed * noise, kept * noise - mixed * latents

    def averaged(self) -> dict[str, nn.Module]:
        """The averaged networks by name, `unet` and `text_encoder`."""
        return dict(self.averages.module.named_children())

    def save(self, file: Path) -> None:
        """Keep everything that `load` needs to go on."""
        draft = file.with_suffix(".part")
        torch.save(
            {name: getattr(self, name).state_dict() for name in ("parts", "averages", "optimizer")}
            | {"spent": self.spent, "iteration": self.iteration},
            draft,
        )
        draft.replace(file)

    def load(self, file: Path) -> None:
        """Go on from what `save` kept."""
        saved = torch.load(file)
        for name in ("parts", "averages", "optimizer"):
            getattr(self, name).load_state_dict(saved[name])
        self.spent, self.iteration = saved["spent"], saved["iteration"]


def predict(parts: nn.ModuleDict, noisy: Tensor, times: Tensor, tokens: Tensor) -> Tensor:
    """The velocity (n, 4, 16, 16) in noisy latents at the given times, under captions given as ids (n, 32)."""
    text = parts["text_encoder"](tokens).last_hidden_state
    velocity: Tensor = parts["unet"](noisy, times, text).sample
    return velocity


def rate_at(progress: float) -> float:
    """The learning rate at a share of the training, as a share of its peak: flat, then a cosine to nothing."""
    if progress < FLAT_SHARE:
        return 1.0
    return 0.5 * (1 + math.cos(math.pi * (progress - FLAT_SHARE) / (1 - FLAT_SHARE)))


def rate_groups(unet: UNet2DConditionModel, text_encoder: CLIPTextModel) -> list[dict[str, object]]:
    """Parameters by how fast they learn, for an optimizer."""
    attention = [weight for name, weight in unet.named_parameters() if "attn2" in name]
    rest = [weight for name, weight in unet.named_parameters() if "attn2" not in name]
    return [
        {"params": rest, "factor": 1.0},
        {"params": attention, "factor": ATTENTION_RATE},
        {"params": list(text_encoder.parameters()), "factor": TEXT_RATE},
    ]


def require_gradients(parts: nn.Module) -> None:
    """Fail if a weight got no gradient: compiled on CPU under bf16, attention silently got none while the loss fell."""
    idle = [name for name, weight in parts.named_parameters() if weight.grad is None or not weight.grad.any()]
    if idle:
        message = f"no gradient reaches {', '.join(idle)}"
        raise RuntimeError(message)
