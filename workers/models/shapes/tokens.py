"""The tokenizer: every word of a caption is one token, and any other text falls back to bytes."""

from collections.abc import Iterable

from transformers import CLIPTokenizer
from transformers.convert_slow_tokenizer import bytes_to_unicode

from workers.models.shapes.drawing import BACKGROUNDS, COLOURS, RADII, SHAPES

START, END = "<|startoftext|>", "<|endoftext|>"
#: Tokens in a prompt, both ends counted.
LENGTH = 32

Merge = tuple[str, str]


def words() -> list[str]:
    """Every word that a caption may hold, sorted."""
    return sorted({"a", "an", "on", "background", *SHAPES, *COLOURS, *BACKGROUNDS, *RADII})


def make_tokenizer() -> CLIPTokenizer:
    """A CLIP tokenizer of about 650 tokens: all bytes, the words, and the steps that merge bytes into words."""
    merges = merges_for(words())
    letters = list(bytes_to_unicode().values())
    entries = [*letters, *(f"{letter}</w>" for letter in letters), *("".join(pair) for pair in merges), START, END]
    vocabulary = {entry: index for index, entry in enumerate(dict.fromkeys(entries))}
    return CLIPTokenizer(vocab=vocabulary, merges=list(merges), model_max_length=LENGTH)


def merges_for(texts: Iterable[str]) -> list[Merge]:
    """Byte-pair merges, first to last, that make one token of each word.

    A merge added later ranks lower, and so never breaks a word that earlier ones already complete.
    """
    merges: list[Merge] = []
    for text in texts:
        pieces = merged([*text[:-1], f"{text[-1]}</w>"], merges)
        while len(pieces) > 1:
            merges.append((pieces[0], pieces[1]))
            pieces = merged(pieces, merges[-1:])
    return merges


def merged(pieces: list[str], merges: list[Merge]) -> list[str]:
    """The pieces after each merge in turn, everywhere that it applies."""
    for left, right in merges:
        result: list[str] = []
        for piece in pieces:
            if result and (result[-1], piece) == (left, right):
                result[-1] = left + right
            else:
                result.append(piece)
        pieces = result
    return pieces
