"""Pipelines around a UNet: Stable Diffusion 1.5, its distilled and v-predicting sisters, and SDXL."""

from typing import Any

from diffusers import (
    DDIMScheduler,
    EulerDiscreteScheduler,
    LatentConsistencyModelPipeline,
    LCMScheduler,
    StableDiffusionPipeline,
    StableDiffusionXLPipeline,
    UNet2DConditionModel,
)

from tests.shapes.parts import SCALE, SIZE, WIDTH, clip_text_encoder, clip_tokenizer, tiny_vae, vae

_BETAS = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"}


def sd15() -> Any:
    """CLIP, a UNet with cross-attention, an epsilon-predicting scheduler."""
    return StableDiffusionPipeline(
        **_around(_unet()), scheduler=EulerDiscreteScheduler(**_BETAS, steps_offset=1), **_unchecked()
    )


def sd_v() -> Any:
    """As SD 2.1: predicts velocity, trained down to a signal-to-noise ratio of zero; with the VAE of previews."""
    scheduler = DDIMScheduler(
        **_BETAS,
        prediction_type="v_prediction",
        rescale_betas_zero_snr=True,
        timestep_spacing="trailing",
        clip_sample=False,
        set_alpha_to_one=False,
        steps_offset=1,
    )
    return StableDiffusionPipeline(**(_around(_unet()) | {"vae": tiny_vae()}), scheduler=scheduler, **_unchecked())


def lcm() -> Any:
    """A latent consistency model: guidance is embedded, and there is no negative prompt."""
    scheduler = LCMScheduler(**_BETAS)
    return LatentConsistencyModelPipeline(**_around(_unet(time_cond_proj_dim=8)), scheduler=scheduler, **_unchecked())


def sdxl() -> Any:
    """Two CLIPs, one of them with a pooled embedding, and the picture's sizes as a condition."""
    tokenizer_2 = clip_tokenizer()
    unet = _unet(
        cross_attention_dim=2 * WIDTH,
        addition_embed_type="text_time",
        addition_time_embed_dim=8,
        projection_class_embeddings_input_dim=6 * 8 + WIDTH,
    )
    return StableDiffusionXLPipeline(
        **_around(unet),
        tokenizer_2=tokenizer_2,
        text_encoder_2=clip_text_encoder(tokenizer_2, projected=True),
        scheduler=EulerDiscreteScheduler(**_BETAS, steps_offset=1, timestep_spacing="leading"),
    )


def _around(unet: UNet2DConditionModel) -> dict[str, Any]:
    tokenizer = clip_tokenizer()
    return {"tokenizer": tokenizer, "text_encoder": clip_text_encoder(tokenizer), "vae": vae(), "unet": unet}


def _unchecked() -> dict[str, Any]:
    return {"safety_checker": None, "feature_extractor": None, "requires_safety_checker": False}


def _unet(**changes: Any) -> UNet2DConditionModel:
    given: dict[str, Any] = {
        "sample_size": SIZE // SCALE,
        "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D"),
        "up_block_types": ("CrossAttnUpBlock2D", "UpBlock2D"),
        "block_out_channels": (8, 16),
        "layers_per_block": 1,
        "attention_head_dim": 2,
        "norm_num_groups": 4,
        "cross_attention_dim": WIDTH,
    }
    return UNet2DConditionModel(**given | changes).eval()
