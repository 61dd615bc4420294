"""The parts of the model before training: small versions of what Stable Diffusion is made of."""

from diffusers import AutoencoderKL, DPMSolverMultistepScheduler, StableDiffusionPipeline, UNet2DConditionModel
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from workers.models.shapes.drawing import SIZE
from workers.models.shapes.tokens import LENGTH

#: Width of a token as the text encoder hands it to the UNet.
TEXT_WIDTH = 96
#: The latents are this many times smaller than the picture, on each side.
SHRINK = 4


def make_text_encoder(tokenizer: CLIPTokenizer) -> CLIPTextModel:
    """Two layers of CLIP text transformer; ids are given, since CLIP's defaults lie outside this vocabulary."""
    config = CLIPTextConfig(
        vocab_size=len(tokenizer),
        hidden_size=TEXT_WIDTH,
        intermediate_size=TEXT_WIDTH * 4,
        projection_dim=TEXT_WIDTH,
        num_hidden_layers=2,
        num_attention_heads=4,
        max_position_embeddings=LENGTH,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    return CLIPTextModel(config)


def make_vae() -> AutoencoderKL:
    """An autoencoder from 64x64 pixels to 4 channels of 16x16."""
    return AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * 3,
        up_block_types=("UpDecoderBlock2D",) * 3,
        block_out_channels=(16, 32, 64),
        layers_per_block=1,
        latent_channels=4,
        norm_num_groups=2,
        sample_size=SIZE,
        mid_block_add_attention=False,
        scaling_factor=1.0,
    )


def make_unet() -> UNet2DConditionModel:
    """The denoiser: 16x16 without and 8x8 with attention to the text, 1.7 million parameters."""
    return UNet2DConditionModel(
        sample_size=SIZE // SHRINK,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        block_out_channels=(48, 80),
        layers_per_block=1,
        attention_head_dim=4,
        norm_num_groups=8,
        cross_attention_dim=TEXT_WIDTH,
    )


def make_scheduler() -> DPMSolverMultistepScheduler:
    """DPM++ 2M.

    Timesteps are `trailing` since similarity to the finished picture dips between 12 and 30 steps with `leading`;
    `clip_sample` is there for DDIM, which would otherwise clip latents as if they were pixels.
    """
    scheduler = DPMSolverMultistepScheduler(
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
        prediction_type="v_prediction",
        timestep_spacing="trailing",
        steps_offset=1,
    )
    scheduler.register_to_config(clip_sample=False)
    return scheduler


def make_pipeline(
    *, tokenizer: CLIPTokenizer, text_encoder: CLIPTextModel, vae: AutoencoderKL, unet: UNet2DConditionModel
) -> StableDiffusionPipeline:
    """The parts as the pipeline that is shipped, without safety checker and feature extractor."""
    return StableDiffusionPipeline(
        tokenizer=tokenizer,
        text_encoder=text_encoder,
        vae=vae,
        unet=unet,
        scheduler=make_scheduler(),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
