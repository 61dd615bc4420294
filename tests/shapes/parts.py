"""What tiny pipelines are made of: tokenizers that read every letter, encoders of one or two layers, small VAEs."""

from typing import Any

from diffusers import AutoencoderDC, AutoencoderKL, AutoencoderKLQwenImage, AutoencoderTiny
from tokenizers import Tokenizer
from tokenizers.models import BPE
from tokenizers.pre_tokenizers import ByteLevel
from tokenizers.processors import TemplateProcessing
from transformers import (
    CLIPTextConfig,
    CLIPTextModel,
    CLIPTextModelWithProjection,
    CLIPTokenizer,
    Gemma2Config,
    Gemma2Model,
    GemmaTokenizer,
    GlmConfig,
    GlmModel,
    PreTrainedTokenizerFast,
    Qwen2_5_VLConfig,
    Qwen2_5_VLForConditionalGeneration,
    Qwen2Tokenizer,
    Qwen3Config,
    Qwen3Model,
    T5Config,
    T5EncoderModel,
    T5Tokenizer,
)
from transformers.convert_slow_tokenizer import bytes_to_unicode

#: Pixels: what every pipeline makes by default, and pixels per latent.
SIZE, SCALE = 64, 4
#: Width of every text embedding.
WIDTH = 16
#: One conversation of one turn, as decoders that answer are asked.
CHAT = "{% for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content }}<|im_end|>\n{% endfor %}"


def clip_tokenizer() -> CLIPTokenizer:
    """Every byte is a token, so that any prompt can be read."""
    letters = list(bytes_to_unicode().values())
    entries = [*letters, *(f"{letter}</w>" for letter in letters), "<|startoftext|>", "<|endoftext|>"]
    return CLIPTokenizer(vocab={entry: index for index, entry in enumerate(entries)}, merges=[], model_max_length=77)


def clip_text_encoder(tokenizer: CLIPTokenizer, *, projected: bool = False) -> Any:
    """Two layers; `projected` answers a pooled embedding as well."""
    config = CLIPTextConfig(
        vocab_size=len(tokenizer),
        hidden_size=WIDTH,
        intermediate_size=WIDTH,
        projection_dim=WIDTH,
        num_hidden_layers=2,
        num_attention_heads=2,
        max_position_embeddings=77,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    return (CLIPTextModelWithProjection if projected else CLIPTextModel)(config).eval()


def t5_tokenizer() -> T5Tokenizer:
    """A unigram model over single letters."""
    pieces = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), ("▁", -2.0)]
    pieces += [(letter, -3.0) for letter in "abcdefghijklmnopqrstuvwxyz"]
    return T5Tokenizer(vocab=pieces, extra_ids=0, model_max_length=64)


def t5_encoder(tokenizer: T5Tokenizer, *, width: int = WIDTH) -> T5EncoderModel:
    """One layer."""
    config = T5Config(
        vocab_size=len(tokenizer), d_model=width, d_kv=4, d_ff=WIDTH, num_layers=1, num_heads=2, dropout_rate=0.0
    )
    return T5EncoderModel(config).eval()


def gemma_tokenizer() -> GemmaTokenizer:
    """Letters, and a few words of the tokenizer's own."""
    entries = ["<pad>", "<eos>", "<bos>", "<unk>", "<mask>", "▁", "\n", *map(chr, range(33, 127))]
    return GemmaTokenizer(vocab={entry: index for index, entry in enumerate(entries)}, merges=[], model_max_length=300)


def gemma(tokenizer: GemmaTokenizer) -> Gemma2Model:
    """A decoder of two layers."""
    return Gemma2Model(Gemma2Config(**_decoder(tokenizer), query_pre_attn_scalar=8)).eval()


def qwen_tokenizer() -> Qwen2Tokenizer:
    """Bytes, and the marks of a conversation."""
    entries = [*bytes_to_unicode().values(), "<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    tokenizer = Qwen2Tokenizer(
        vocab={entry: index for index, entry in enumerate(entries)},
        merges=[],
        additional_special_tokens=["<|im_start|>", "<|im_end|>"],
    )
    tokenizer.chat_template = CHAT
    return tokenizer


def qwen(tokenizer: Qwen2Tokenizer) -> Qwen3Model:
    """A decoder of two layers."""
    return Qwen3Model(Qwen3Config(**_decoder(tokenizer))).eval()


def qwen_vision(tokenizer: Qwen2Tokenizer) -> Qwen2_5_VLForConditionalGeneration:
    """A decoder of two layers that could see."""
    text = _decoder(tokenizer) | {
        "rope_theta": 1e6,
        "rope_scaling": {"mrope_section": [1, 1, 2], "rope_type": "default", "type": "default"},
    }
    text.pop("head_dim")
    seeing = {"depth": 1, "hidden_size": WIDTH, "intermediate_size": WIDTH, "num_heads": 2, "out_hidden_size": WIDTH}
    return Qwen2_5_VLForConditionalGeneration(Qwen2_5_VLConfig(text_config=text, vision_config=seeing)).eval()


def glm_tokenizer() -> PreTrainedTokenizerFast:
    """Bytes, and two marks before every prompt."""
    entries = [*bytes_to_unicode().values(), "<|endoftext|>", "[gMASK]", "<sop>"]
    vocabulary = {entry: index for index, entry in enumerate(entries)}
    inner = Tokenizer(BPE(vocabulary, []))
    inner.pre_tokenizer = ByteLevel(add_prefix_space=False)
    marks = [(mark, vocabulary[mark]) for mark in ("[gMASK]", "<sop>")]
    inner.post_processor = TemplateProcessing(single="[gMASK] <sop> $A", special_tokens=marks)
    end = "<|endoftext|>"
    return PreTrainedTokenizerFast(tokenizer_object=inner, padding_side="left", pad_token=end, eos_token=end)


def glm(tokenizer: PreTrainedTokenizerFast) -> GlmModel:
    """A decoder of two layers."""
    return GlmModel(GlmConfig(**_decoder(tokenizer))).eval()


def _decoder(tokenizer: Any) -> dict[str, Any]:
    return {
        "vocab_size": len(tokenizer),
        "hidden_size": WIDTH,
        "intermediate_size": WIDTH,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "num_key_value_heads": 2,
        "head_dim": 8,
        "pad_token_id": tokenizer.pad_token_id,
        "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": tokenizer.eos_token_id,
    }


def vae(*, blocks: int = 3) -> AutoencoderKL:
    """Pixels to latents of 4 channels, each block but one halving the edge."""
    return AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * blocks,
        up_block_types=("UpDecoderBlock2D",) * blocks,
        block_out_channels=(8, 8, 16, 16)[:blocks],
        layers_per_block=1,
        latent_channels=4,
        norm_num_groups=2,
        sample_size=SIZE,
        mid_block_add_attention=False,
        shift_factor=0.0,
    ).eval()


def tiny_vae() -> AutoencoderTiny:
    """The distilled kind that draws previews, of the same scale; it answers 0 to 1, and is set to be neither."""
    made = AutoencoderTiny(
        encoder_block_out_channels=(8, 8, 8),
        decoder_block_out_channels=(8, 8, 8),
        num_encoder_blocks=(1, 1, 1),
        num_decoder_blocks=(1, 1, 1),
    ).eval()
    made.decoder.layers[-1].weight.data.mul_(20)
    made.decoder.layers[-1].bias.data.fill_(0.5)
    return made


def deep_vae() -> AutoencoderDC:
    """The deep compression kind, of the same scale here."""
    return AutoencoderDC(
        latent_channels=4,
        attention_head_dim=2,
        encoder_block_types=("ResBlock", "ResBlock", "EfficientViTBlock"),
        decoder_block_types=("ResBlock", "ResBlock", "EfficientViTBlock"),
        encoder_block_out_channels=(8, 8, 8),
        decoder_block_out_channels=(8, 8, 8),
        encoder_qkv_multiscales=((), (), (5,)),
        decoder_qkv_multiscales=((), (), (5,)),
        encoder_layers_per_block=(1, 1, 1),
        decoder_layers_per_block=(1, 1, 1),
        upsample_block_type="interpolate",
        downsample_block_type="stride_conv",
        decoder_norm_types="rms_norm",
        decoder_act_fns="silu",
        scaling_factor=0.41407,
    ).eval()


def frame_vae() -> AutoencoderKLQwenImage:
    """The kind that knows videos, and is given one frame; of the same scale."""
    return AutoencoderKLQwenImage(
        base_dim=8,
        z_dim=4,
        dim_mult=[1, 2, 4],
        num_res_blocks=1,
        temperal_downsample=[False, True],
        latents_mean=[0.0] * 4,
        latents_std=[1.0] * 4,
    ).eval()
