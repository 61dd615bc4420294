import copy

import pytest
import torch
from torch import Tensor

from workers.models.shapes.architecture import make_text_encoder, make_unet
from workers.models.shapes.corpus import token_ids
from workers.models.shapes.denoiser import predict
from workers.models.shapes.soften import SOFTNESS, Softening
from workers.models.shapes.tokens import make_tokenizer


@pytest.fixture
def softening() -> Softening:
    """Fresh networks about to be softened."""
    torch.manual_seed(0)
    tokenizer = make_tokenizer()
    empty = token_ids(tokenizer, [""])[0]
    return Softening(unet=make_unet(), text_encoder=make_text_encoder(tokenizer), empty=empty, seconds=60)


@pytest.fixture
def batch() -> tuple[Tensor, Tensor]:
    """Four latents and their captions."""
    torch.manual_seed(1)
    return torch.randn(4, 4, 16, 16), token_ids(make_tokenizer(), ["a red star", "a blue ring"] * 2)


def test_step_changes_the_pupil_only(softening: Softening, batch: tuple[Tensor, Tensor]) -> None:
    """The model as it was given stays the measure."""
    before = copy.deepcopy(softening.teacher.state_dict())
    softening.step(*batch)
    assert all(torch.equal(weight, before[name]) for name, weight in softening.teacher.state_dict().items())
    after = softening.parts.state_dict()
    assert not torch.equal(after["unet.conv_in.weight"], before["unet.conv_in.weight"])


def test_nothing_to_learn_without_captions(softening: Softening, batch: tuple[Tensor, Tensor]) -> None:
    """Where every caption is empty the given model is already right."""
    latents, tokens = batch
    assert softening.loss(latents, softening.empty.expand_as(tokens)).item() == pytest.approx(0, abs=1e-9)


def test_loss_is_what_softness_takes_away(softening: Softening, batch: tuple[Tensor, Tensor]) -> None:
    """At the start the distance is that of the full difference to its softened part."""
    latents, tokens = batch
    torch.manual_seed(2)
    loss = softening.loss(latents, tokens).item()
    torch.manual_seed(2)
    times = softening.times(len(latents))
    noisy, _ = softening.noised(latents, times)
    with torch.no_grad():
        full = predict(softening.teacher, noisy, times, tokens)
        bare = predict(softening.teacher, noisy, times, softening.empty.expand_as(tokens))
    assert loss == pytest.approx(((1 - SOFTNESS) * (full - bare)).square().mean().item(), rel=1e-3)


def test_batch_is_left_as_it_was(softening: Softening, batch: tuple[Tensor, Tensor]) -> None:
    """Captions are moved in a copy."""
    latents, tokens = batch
    before = tokens.clone()
    softening.loss(latents, tokens)
    assert torch.equal(tokens, before)
