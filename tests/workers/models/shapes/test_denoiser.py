from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from workers.models.shapes.architecture import make_text_encoder, make_unet
from workers.models.shapes.corpus import Corpus, token_ids
from workers.models.shapes.denoiser import FLAT_SHARE, DenoiserTraining, rate_at, rate_groups, require_gradients
from workers.models.shapes.tokens import make_tokenizer


def make_training() -> DenoiserTraining:
    """A training of a minute, with fresh networks."""
    torch.manual_seed(0)
    return DenoiserTraining(unet=make_unet(), text_encoder=make_text_encoder(make_tokenizer()), seconds=60)


@pytest.fixture
def batch() -> tuple[Tensor, Tensor]:
    """Four latents and their captions."""
    torch.manual_seed(1)
    return torch.randn(4, 4, 16, 16), token_ids(make_tokenizer(), ["a red star", "a blue ring"] * 2)


def test_rate_is_flat_and_falls_to_nothing() -> None:
    """The rate stays at its peak, then falls without a jump."""
    assert rate_at(0) == rate_at(FLAT_SHARE) == 1
    assert 0 < rate_at(0.8) < rate_at(0.6) < 1
    assert rate_at(1) == pytest.approx(0, abs=1e-9)


def test_every_weight_is_in_one_group() -> None:
    """No weight is left out of the optimizer and none is in it twice."""
    training = make_training()
    grouped = [weight for group in training.optimizer.param_groups for weight in group["params"]]
    assert len(grouped) == len({id(weight) for weight in grouped}) == len(list(training.parts.parameters()))


def test_attention_to_the_text_learns_faster() -> None:
    """Cross attention has twice the rate of the rest."""
    unet = make_unet()
    rest, attention, _ = rate_groups(unet, make_text_encoder(make_tokenizer()))
    assert attention["factor"] == 2.0
    assert rest["factor"] == 1.0


def test_first_step_reaches_every_weight(batch: tuple[Tensor, Tensor]) -> None:
    """A step passes the check for gradients and gives a finite loss."""
    training = make_training()
    assert 0 < training.step(*batch) < 5
    assert training.iteration == 1


def test_weight_without_gradient_is_named() -> None:
    """A part that nothing flows through stops the training."""
    parts = nn.ModuleDict({"used": nn.Linear(2, 1), "idle": nn.Linear(2, 1)})
    parts["used"](torch.ones(1, 2)).sum().backward()
    with pytest.raises(RuntimeError, match=r"idle\.weight"):
        require_gradients(parts)


def test_interrupted_training_goes_on(batch: tuple[Tensor, Tensor], tmp_path: Path) -> None:
    """What was saved loads into a fresh training, averages and all."""
    training = make_training()
    training.step(*batch)
    training.spent = 30.0
    training.save(tmp_path / "denoiser.pt")
    other = make_training()
    other.load(tmp_path / "denoiser.pt")
    assert (other.iteration, other.progress) == (1, 0.5)
    for left, right in zip(training.averages.parameters(), other.averages.parameters(), strict=True):
        assert torch.equal(left, right)


def test_run_stops_at_its_share(batch: tuple[Tensor, Tensor]) -> None:
    """A run ends once the time it was given is used, and saves."""
    latents, tokens = batch
    corpus = Corpus(
        latents=latents, tokens=tokens[:, None].expand(-1, 4, -1), empty=token_ids(make_tokenizer(), [""])[0]
    )
    training = make_training()
    training.spent = 29.99
    saved: list[float] = []
    training.run(corpus, until=0.5, save=lambda: saved.append(training.progress))
    assert saved == [training.progress]
    assert training.iteration == 1
