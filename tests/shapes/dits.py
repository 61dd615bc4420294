"""Pipelines around a transformer, from FLUX and SD3 to Z-Image and QwenImage."""

from typing import Any

from diffusers import (
    AuraFlowPipeline,
    AuraFlowTransformer2DModel,
    ChromaPipeline,
    ChromaTransformer2DModel,
    CogView4Pipeline,
    CogView4Transformer2DModel,
    DPMSolverMultistepScheduler,
    FlowMatchEulerDiscreteScheduler,
    FluxPipeline,
    FluxTransformer2DModel,
    Lumina2Pipeline,
    Lumina2Transformer2DModel,
    PixArtSigmaPipeline,
    PixArtTransformer2DModel,
    QwenImagePipeline,
    QwenImageTransformer2DModel,
    SanaPipeline,
    SanaTransformer2DModel,
    SD3Transformer2DModel,
    StableDiffusion3Pipeline,
    ZImagePipeline,
    ZImageTransformer2DModel,
)

from tests.shapes.parts import (
    SCALE,
    SIZE,
    WIDTH,
    clip_text_encoder,
    clip_tokenizer,
    deep_vae,
    frame_vae,
    gemma,
    gemma_tokenizer,
    glm,
    glm_tokenizer,
    qwen,
    qwen_tokenizer,
    qwen_vision,
    t5_encoder,
    t5_tokenizer,
    vae,
)


def flux(*, guidance: bool = True) -> Any:
    """As FLUX.1 dev: CLIP and T5, flow matching, embedded guidance; without it as FLUX.1 schnell."""
    tokenizer, tokenizer_2 = clip_tokenizer(), t5_tokenizer()
    return FluxPipeline(
        tokenizer=tokenizer,
        tokenizer_2=tokenizer_2,
        text_encoder=clip_text_encoder(tokenizer),
        text_encoder_2=t5_encoder(tokenizer_2),
        transformer=FluxTransformer2DModel(
            patch_size=1,
            in_channels=16,
            num_layers=1,
            num_single_layers=1,
            attention_head_dim=16,
            num_attention_heads=2,
            joint_attention_dim=WIDTH,
            pooled_projection_dim=WIDTH,
            guidance_embeds=guidance,
            axes_dims_rope=(4, 4, 8),
        ).eval(),
        vae=vae(),
        scheduler=FlowMatchEulerDiscreteScheduler(use_dynamic_shifting=guidance),
    )


def schnell() -> Any:
    """As FLUX.1 schnell: distilled, and no guidance of any kind."""
    return flux(guidance=False)


def sd3(*, t5: bool = True) -> Any:
    """Two CLIPs with pooled embeddings, T5 where there is memory for it."""
    tokenizer, tokenizer_2, tokenizer_3 = clip_tokenizer(), clip_tokenizer(), t5_tokenizer()
    return StableDiffusion3Pipeline(
        tokenizer=tokenizer,
        tokenizer_2=tokenizer_2,
        tokenizer_3=tokenizer_3 if t5 else None,
        text_encoder=clip_text_encoder(tokenizer, projected=True),
        text_encoder_2=clip_text_encoder(tokenizer_2, projected=True),
        text_encoder_3=t5_encoder(tokenizer_3, width=2 * WIDTH) if t5 else None,
        transformer=SD3Transformer2DModel(
            sample_size=SIZE // SCALE,
            patch_size=2,
            in_channels=4,
            out_channels=4,
            num_layers=1,
            attention_head_dim=8,
            num_attention_heads=2,
            joint_attention_dim=2 * WIDTH,
            caption_projection_dim=16,
            pooled_projection_dim=2 * WIDTH,
            pos_embed_max_size=64,
        ).eval(),
        vae=vae(),
        scheduler=FlowMatchEulerDiscreteScheduler(shift=3.0),
    )


def sd3_small() -> Any:
    """SD3 without T5."""
    return sd3(t5=False)


def pixart() -> Any:
    """T5 and a transformer that is called back in the older way."""
    tokenizer = t5_tokenizer()
    return PixArtSigmaPipeline(
        tokenizer=tokenizer,
        text_encoder=t5_encoder(tokenizer),
        transformer=PixArtTransformer2DModel(
            sample_size=SIZE // SCALE,
            num_layers=1,
            patch_size=2,
            attention_head_dim=8,
            num_attention_heads=2,
            caption_channels=WIDTH,
            in_channels=4,
            cross_attention_dim=16,
            out_channels=8,
            use_additional_conditions=False,
            norm_type="ada_norm_single",
        ).eval(),
        vae=vae(),
        scheduler=DPMSolverMultistepScheduler(),
    )


def sana() -> Any:
    """A decoder that is instructed, linear attention, a deep VAE, a solver set to flow."""
    tokenizer = gemma_tokenizer()
    return SanaPipeline(
        tokenizer=tokenizer,
        text_encoder=gemma(tokenizer),
        transformer=SanaTransformer2DModel(
            patch_size=1,
            in_channels=4,
            out_channels=4,
            num_layers=1,
            num_attention_heads=2,
            attention_head_dim=4,
            num_cross_attention_heads=2,
            cross_attention_head_dim=4,
            cross_attention_dim=8,
            caption_channels=WIDTH,
            sample_size=SIZE // SCALE,
        ).eval(),
        vae=deep_vae(),
        scheduler=DPMSolverMultistepScheduler(flow_shift=3.0, prediction_type="flow_prediction", use_flow_sigmas=True),
    )


def auraflow() -> Any:
    """T5 and a transformer of two kinds of layers."""
    tokenizer = t5_tokenizer()
    return AuraFlowPipeline(
        tokenizer=tokenizer,
        text_encoder=t5_encoder(tokenizer),
        transformer=AuraFlowTransformer2DModel(
            sample_size=SIZE // SCALE,
            patch_size=2,
            in_channels=4,
            num_mmdit_layers=1,
            num_single_dit_layers=1,
            attention_head_dim=8,
            num_attention_heads=2,
            joint_attention_dim=WIDTH,
            caption_projection_dim=16,
            out_channels=4,
            pos_embed_max_size=256,
        ).eval(),
        vae=vae(),
        scheduler=FlowMatchEulerDiscreteScheduler(shift=1.73),
    )


def lumina2() -> Any:
    """A decoder as encoder, guidance in a pass of its own, and a VAE of factor 8: the pipeline knows no other."""
    tokenizer = gemma_tokenizer()
    return Lumina2Pipeline(
        tokenizer=tokenizer,
        text_encoder=gemma(tokenizer),
        transformer=Lumina2Transformer2DModel(
            sample_size=SIZE // 8,
            patch_size=2,
            in_channels=4,
            hidden_size=24,
            num_layers=1,
            num_refiner_layers=1,
            num_attention_heads=3,
            num_kv_heads=1,
            multiple_of=16,
            axes_dim_rope=(4, 2, 2),
            axes_lens=(300, 64, 64),
            cap_feat_dim=WIDTH,
        ).eval(),
        vae=vae(blocks=4),
        scheduler=FlowMatchEulerDiscreteScheduler(shift=6.0),
    )


def zimage() -> Any:
    """A decoder that is asked as in a conversation; prompts of any length, each for itself."""
    tokenizer = qwen_tokenizer()
    return ZImagePipeline(
        tokenizer=tokenizer,
        text_encoder=qwen(tokenizer),
        transformer=ZImageTransformer2DModel(
            in_channels=4,
            dim=32,
            n_layers=1,
            n_refiner_layers=1,
            n_heads=2,
            n_kv_heads=2,
            cap_feat_dim=WIDTH,
            axes_dims=[8, 4, 4],
            axes_lens=[1024, 64, 64],
        ).eval(),
        vae=vae(),
        scheduler=FlowMatchEulerDiscreteScheduler(shift=3.0),
    )


def chroma() -> Any:
    """FLUX without CLIP and with guidance in a pass of its own."""
    tokenizer = t5_tokenizer()
    return ChromaPipeline(
        tokenizer=tokenizer,
        text_encoder=t5_encoder(tokenizer),
        transformer=ChromaTransformer2DModel(
            patch_size=1,
            in_channels=16,
            num_layers=1,
            num_single_layers=1,
            attention_head_dim=16,
            num_attention_heads=2,
            joint_attention_dim=WIDTH,
            axes_dims_rope=(4, 4, 8),
            approximator_num_channels=8,
            approximator_hidden_dim=16,
            approximator_layers=1,
        ).eval(),
        vae=vae(),
        scheduler=FlowMatchEulerDiscreteScheduler(),
    )


def cogview4() -> Any:
    """A decoder whose prompts are padded to the longest of the batch."""
    tokenizer = glm_tokenizer()
    return CogView4Pipeline(
        tokenizer=tokenizer,
        text_encoder=glm(tokenizer),
        transformer=CogView4Transformer2DModel(
            patch_size=2,
            in_channels=4,
            out_channels=4,
            num_layers=1,
            attention_head_dim=4,
            num_attention_heads=4,
            text_embed_dim=WIDTH,
            time_embed_dim=8,
            condition_dim=4,
            pos_embed_max_size=64,
            sample_size=SIZE // SCALE,
        ).eval(),
        vae=vae(),
        scheduler=FlowMatchEulerDiscreteScheduler(
            base_shift=0.25, max_shift=0.75, base_image_seq_len=256, use_dynamic_shifting=True, time_shift_type="linear"
        ),
    )


def qwen_image() -> Any:
    """Guidance in a pass of its own, and only where there is a negative prompt; a VAE that knows videos."""
    tokenizer = qwen_tokenizer()
    return QwenImagePipeline(
        tokenizer=tokenizer,
        text_encoder=qwen_vision(tokenizer),
        transformer=QwenImageTransformer2DModel(
            patch_size=2,
            in_channels=16,
            out_channels=4,
            num_layers=1,
            attention_head_dim=16,
            num_attention_heads=2,
            joint_attention_dim=WIDTH,
            axes_dims_rope=(8, 4, 4),
        ).eval(),
        vae=frame_vae(),
        scheduler=FlowMatchEulerDiscreteScheduler(),
    )
