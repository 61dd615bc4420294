from random import Random

import pytest
import torch
from transformers import CLIPTokenizer

from workers.models.shapes.architecture import make_vae
from workers.models.shapes.corpus import EMPTY_SHARE, Corpus, make_corpus, token_ids
from workers.models.shapes.drawing import random_scene
from workers.models.shapes.tokens import make_tokenizer


@pytest.fixture(scope="module")
def tokenizer() -> CLIPTokenizer:
    """The tokenizer."""
    return make_tokenizer()


@pytest.fixture(scope="module")
def corpus(tokenizer: CLIPTokenizer) -> Corpus:
    """A corpus of five pictures."""
    return make_corpus(make_vae(), tokenizer, count=5, random=Random(2))


def test_corpus_has_four_captions_for_each_picture(corpus: Corpus) -> None:
    """Latents are 4x16x16 and captions 32 tokens."""
    assert corpus.latents.shape == (5, 4, 16, 16)
    assert corpus.tokens.shape == (5, 4, 32)


def test_captions_are_those_of_the_pictures(corpus: Corpus, tokenizer: CLIPTokenizer) -> None:
    """The first row of tokens is the full caption of the first scene."""
    caption = random_scene(Random(2)).captions()[0]
    assert tokenizer.decode(corpus.tokens[0, 0], skip_special_tokens=True) == caption


def test_latents_carry_no_gradient(corpus: Corpus) -> None:
    """The VAE stays out of the denoiser's training."""
    assert not corpus.latents.requires_grad


def test_batch_leaves_some_captions_out(corpus: Corpus) -> None:
    """About one caption in ten is empty, and the corpus itself stays as it was."""
    torch.manual_seed(0)
    latents, tokens = corpus.batch(4000)
    share = (tokens == corpus.empty).all(dim=1).float().mean().item()
    assert latents.shape == (4000, 4, 16, 16)
    assert share == pytest.approx(EMPTY_SHARE, abs=0.02)
    assert not (corpus.tokens == corpus.empty).all(dim=-1).any()


def test_long_prompts_are_cut(tokenizer: CLIPTokenizer) -> None:
    """A prompt of any length takes 32 tokens, as in the pipeline."""
    assert token_ids(tokenizer, ["red " * 100, ""]).shape == (2, 32)
