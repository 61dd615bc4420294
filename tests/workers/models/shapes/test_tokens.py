import pytest

from workers.models.shapes.drawing import Scene
from workers.models.shapes.tokens import LENGTH, make_tokenizer, merged, merges_for, words


@pytest.mark.parametrize("word", words())
def test_every_word_is_one_token(word: str) -> None:
    """A word of a caption becomes start, itself, end."""
    assert len(make_tokenizer()(word).input_ids) == 3


def test_caption_comes_back() -> None:
    """A caption survives encoding and decoding."""
    tokenizer = make_tokenizer()
    caption = Scene("heart", "cyan", "yellow", "small").captions()[0]
    assert tokenizer.decode(tokenizer(caption).input_ids, skip_special_tokens=True) == caption


def test_capitals_do_not_matter() -> None:
    """Prompts are lowercased."""
    tokenizer = make_tokenizer()
    assert tokenizer("A Red STAR").input_ids == tokenizer("a red star").input_ids


def test_unknown_words_fall_back_to_bytes() -> None:
    """Text in any script is encoded without an unknown token, which here would end the prompt."""
    tokenizer = make_tokenizer()
    ids = tokenizer("über 猫").input_ids
    assert tokenizer.eos_token_id not in ids[:-1]
    assert len(ids) > 4


def test_vocabulary_is_small() -> None:
    """The vocabulary and the prompt length are those of the text encoder."""
    tokenizer = make_tokenizer()
    assert 500 < len(tokenizer) < 700
    assert tokenizer.model_max_length == LENGTH


def test_later_words_leave_earlier_ones_whole() -> None:
    """Merges for words that overlap still make one token of each."""
    texts = ["ring", "star", "string", "in"]
    merges = merges_for(texts)
    for text in texts:
        assert merged([*text[:-1], f"{text[-1]}</w>"], merges) == [f"{text}</w>"]
