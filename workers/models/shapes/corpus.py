"""The training pictures, kept as latents and token ids so that the denoiser's loop neither draws nor encodes."""

from dataclasses import dataclass
from random import Random

import torch
from diffusers import AutoencoderKL
from torch import Tensor
from transformers import CLIPTokenizer

from workers.models.shapes.autoencoder import to_pixels
from workers.models.shapes.drawing import CAPTION_WEIGHTS, draw, random_scene

ENCODE_BATCH = 64
#: Share of captions left empty, which teaches the model what guidance steers away from.
EMPTY_SHARE = 0.1


@dataclass(frozen=True, slots=True)
class Corpus:
    """Latents (n, 4, 16, 16), the ids of each one's captions (n, 4, 32), and the ids of the empty caption (32)."""

    latents: Tensor
    tokens: Tensor
    empty: Tensor

    def batch(self, size: int) -> tuple[Tensor, Tensor]:
        """Random latents (size, 4, 16, 16) and for each one of its captions, or none (size, 32)."""
        picked = torch.randint(len(self.latents), (size,))
        wording = torch.multinomial(torch.tensor(CAPTION_WEIGHTS), size, replacement=True)
        tokens = self.tokens[picked, wording]
        tokens[torch.rand(size) < EMPTY_SHARE] = self.empty
        return self.latents[picked], tokens


def make_corpus(vae: AutoencoderKL, tokenizer: CLIPTokenizer, *, count: int, random: Random) -> Corpus:
    """Draw `count` scenes and encode them."""
    scenes = [random_scene(random) for _ in range(count)]
    latents = [
        encode(vae, to_pixels([draw(scene) for scene in scenes[start : start + ENCODE_BATCH]]))
        for start in range(0, count, ENCODE_BATCH)
    ]
    captions = [caption for scene in scenes for caption in scene.captions()]
    tokens = token_ids(tokenizer, captions).reshape(count, len(CAPTION_WEIGHTS), -1)
    return Corpus(latents=torch.cat(latents), tokens=tokens, empty=token_ids(tokenizer, [""])[0])


@torch.no_grad()
def encode(vae: AutoencoderKL, pixels: Tensor) -> Tensor:
    """Scaled latents (n, 4, 16, 16) of pixels (n, 3, 64, 64)."""
    latents: Tensor = vae.encode(pixels).latent_dist.mean * vae.config.scaling_factor
    return latents


def token_ids(tokenizer: CLIPTokenizer, texts: list[str]) -> Tensor:
    """Ids (n, 32), padded as the pipeline pads them."""
    padded = tokenizer(texts, padding="max_length", truncation=True, max_length=tokenizer.model_max_length)
    return torch.tensor(padded.input_ids)
