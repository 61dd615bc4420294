"""Tiny pipelines with random weights, built offline: the shapes of real models without their size."""

from pathlib import Path
from typing import Any

import torch
from diffusers import (
    AutoencoderKL,
    EulerDiscreteScheduler,
    FlowMatchEulerDiscreteScheduler,
    FluxPipeline,
    FluxTransformer2DModel,
    StableDiffusionPipeline,
    UNet2DConditionModel,
)
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer, T5Config, T5EncoderModel, T5Tokenizer
from transformers.convert_slow_tokenizer import bytes_to_unicode

START, END = "<|startoftext|>", "<|endoftext|>"
#: Pixels: what both pipelines make by default.
SIZE = 64


def save_sd15(folder: Path, *, seed: int = 0) -> Path:
    """A pipeline of the shape of Stable Diffusion 1.5, saved as safetensors."""
    make_sd15(seed=seed).save_pretrained(folder, safe_serialization=True)
    return folder


def save_flux(folder: Path, *, seed: int = 0) -> Path:
    """A pipeline of the shape of FLUX.1 dev, saved as safetensors."""
    make_flux(seed=seed).save_pretrained(folder, safe_serialization=True)
    return folder


def make_sd15(*, seed: int = 0) -> Any:
    """CLIP, a UNet with cross-attention, a VAE of factor 4, an epsilon-predicting scheduler."""
    torch.manual_seed(seed)
    tokenizer = clip_tokenizer()
    return StableDiffusionPipeline(
        tokenizer=tokenizer,
        text_encoder=clip_text_encoder(tokenizer),
        vae=vae(latent_channels=4),
        unet=UNet2DConditionModel(
            sample_size=SIZE // 4,
            down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
            up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
            block_out_channels=(8, 16),
            layers_per_block=1,
            attention_head_dim=2,
            norm_num_groups=4,
            cross_attention_dim=16,
        ).eval(),
        scheduler=EulerDiscreteScheduler(
            beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", steps_offset=1
        ),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )


def make_flux(*, seed: int = 0) -> Any:
    """CLIP and T5, a flow-matching transformer with embedded guidance, a VAE of 4 channels."""
    torch.manual_seed(seed)
    tokenizer, tokenizer_2 = clip_tokenizer(), t5_tokenizer()
    return FluxPipeline(
        tokenizer=tokenizer,
        tokenizer_2=tokenizer_2,
        text_encoder=clip_text_encoder(tokenizer),
        text_encoder_2=T5EncoderModel(
            T5Config(
                vocab_size=len(tokenizer_2), d_model=16, d_kv=4, d_ff=16, num_layers=1, num_heads=2, dropout_rate=0.0
            )
        ).eval(),
        transformer=FluxTransformer2DModel(
            patch_size=1,
            in_channels=16,
            num_layers=1,
            num_single_layers=1,
            attention_head_dim=16,
            num_attention_heads=2,
            joint_attention_dim=16,
            pooled_projection_dim=16,
            guidance_embeds=True,
            axes_dims_rope=(4, 4, 8),
        ).eval(),
        vae=vae(latent_channels=4),
        scheduler=FlowMatchEulerDiscreteScheduler(use_dynamic_shifting=True),
    )


def clip_tokenizer() -> CLIPTokenizer:
    """Every byte is a token, so that any prompt can be read."""
    letters = list(bytes_to_unicode().values())
    entries = [*letters, *(f"{letter}</w>" for letter in letters), START, END]
    return CLIPTokenizer(vocab={entry: index for index, entry in enumerate(entries)}, merges=[], model_max_length=77)


def clip_text_encoder(tokenizer: CLIPTokenizer) -> CLIPTextModel:
    """One layer of 16."""
    return CLIPTextModel(
        CLIPTextConfig(
            vocab_size=len(tokenizer),
            hidden_size=16,
            intermediate_size=16,
            projection_dim=16,
            num_hidden_layers=1,
            num_attention_heads=2,
            max_position_embeddings=77,
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )
    ).eval()


def t5_tokenizer() -> T5Tokenizer:
    """A unigram model over single letters."""
    pieces = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), ("▁", -2.0)]
    pieces += [(letter, -3.0) for letter in "abcdefghijklmnopqrstuvwxyz"]
    return T5Tokenizer(vocab=pieces, extra_ids=0, model_max_length=64)


def vae(*, latent_channels: int) -> AutoencoderKL:
    """Pixels to latents a quarter of the size on each side."""
    return AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * 3,
        up_block_types=("UpDecoderBlock2D",) * 3,
        block_out_channels=(8, 8, 16),
        layers_per_block=1,
        latent_channels=latent_channels,
        norm_num_groups=2,
        sample_size=SIZE,
        mid_block_add_attention=False,
        shift_factor=0.0,
    ).eval()
