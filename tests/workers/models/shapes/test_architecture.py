import pytest

from workers.models.shapes.architecture import SHRINK, make_scheduler, make_text_encoder, make_unet, make_vae
from workers.models.shapes.drawing import SIZE
from workers.models.shapes.tokens import make_tokenizer

#: diffusers hands a tensor to numpy in a way that torch 2.13 and numpy 2.4 disagree about.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


def test_parts_fit_each_other() -> None:
    """The UNet takes the text encoder's width and the VAE's latents."""
    text_encoder, vae, unet = make_text_encoder(make_tokenizer()), make_vae(), make_unet()
    assert unet.config.cross_attention_dim == text_encoder.config.hidden_size
    assert unet.config.in_channels == unet.config.out_channels == vae.config.latent_channels
    assert unet.config.sample_size * SHRINK == SIZE


def test_vae_shrinks_as_the_pipeline_reckons() -> None:
    """The pipeline derives the factor from the number of blocks."""
    assert 2 ** (len(make_vae().config.block_out_channels) - 1) == SHRINK


def test_text_encoder_knows_the_ends_of_its_tokenizer() -> None:
    """Start, end and padding lie within the vocabulary and are the tokenizer's."""
    tokenizer = make_tokenizer()
    config = make_text_encoder(tokenizer).config
    assert (config.bos_token_id, config.eos_token_id) == (tokenizer.bos_token_id, tokenizer.eos_token_id)
    assert max(config.bos_token_id, config.eos_token_id, config.pad_token_id) < config.vocab_size


def test_scheduler_ends_on_the_noisiest_step() -> None:
    """Trailing timesteps start at the very last one, whatever the number of steps."""
    scheduler = make_scheduler()
    for steps in (2, 7, 20):
        scheduler.set_timesteps(steps)
        assert int(scheduler.timesteps[0]) == 999
