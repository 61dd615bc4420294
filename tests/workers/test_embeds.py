from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from workers.embeds import ROWS, EmbedCache


class Encoder:
    """A pipeline that encodes a prompt as its length."""

    def __init__(self) -> None:
        self.seen: list[Any] = []

    def encode_prompt(self, prompt: Any, device: Any = None, negative_prompt: Any = None) -> Any:  # noqa: ARG002
        """One row per prompt, and one per negative prompt."""
        self.seen.append(prompt)
        rows = torch.tensor([[float(len(text))] for text in prompt])
        return rows, None if negative_prompt is None else torch.zeros(len(prompt), 1)


class Other(Encoder):
    """A pipeline of a class that the cache does not know."""


@pytest.fixture
def known(monkeypatch: pytest.MonkeyPatch) -> Encoder:
    """An encoder whose answer is known to hold one row per prompt."""
    monkeypatch.setitem(ROWS, "Encoder", (True, True))
    return Encoder()


def test_only_new_prompts_are_encoded(known: Encoder) -> None:
    """A batch of which a part is known costs that part less, and the rows come in the batch's order."""
    cache = EmbedCache()
    with cache.attached(known):
        known.encode_prompt(["a", "bb"])
        rows, negative = known.encode_prompt(["bb", "ccc", "a", "ccc"])
    assert known.seen == [["a", "bb"], ["ccc"]]
    assert rows.flatten().tolist() == [2.0, 3.0, 1.0, 3.0]
    assert negative is None
    assert cache.misses == 3


def test_a_prompt_with_another_negative_prompt_is_another(known: Encoder) -> None:
    """Both halves decide the embedding."""
    cache = EmbedCache()
    with cache.attached(known):
        known.encode_prompt(["a"], negative_prompt=["x"])
        known.encode_prompt(["a"], negative_prompt=["y"])
        known.encode_prompt(["a"], negative_prompt=["x"])
    assert cache.misses == 2


def test_other_arguments_are_part_of_the_key(known: Encoder) -> None:
    """A device is not the other, a torch device has a name."""
    cache = EmbedCache()
    with cache.attached(known):
        known.encode_prompt(["a"], torch.device("cpu"))
        known.encode_prompt(["a"], torch.device("cpu"))
        known.encode_prompt(["a"], torch.device("meta"))
    assert cache.misses == 2


def test_an_unknown_pipeline_remembers_whole_calls() -> None:
    """Nothing is assumed of what it answers; the same call again is free."""
    pipe, cache = Other(), EmbedCache()
    with cache.attached(pipe):
        first = pipe.encode_prompt(["a", "bb"])
        assert pipe.encode_prompt(["a", "bb"]) is first
        pipe.encode_prompt(["bb", "a"])
    assert pipe.seen == [["a", "bb"], ["bb", "a"]]


def test_what_has_no_value_of_its_own_is_not_remembered(known: Encoder) -> None:
    """Embeddings that are handed in are encoded anew each time."""
    cache = EmbedCache()
    with cache.attached(known):
        known.encode_prompt(["a"], negative_prompt=torch.ones(1))
        known.encode_prompt(["a"], negative_prompt=torch.ones(1))
    assert known.seen == [["a"], ["a"]]
    assert cache.misses == 0


def test_the_oldest_prompts_are_forgotten(known: Encoder) -> None:
    """The cache is bounded."""
    cache = EmbedCache(limit=2)
    with cache.attached(known):
        for prompt in ("a", "bb", "ccc", "a"):
            known.encode_prompt([prompt])
    assert cache.misses == 4


def test_the_cache_is_bounded_by_bytes(known: Encoder) -> None:
    """A row weighs four bytes here: two of them fit, whatever the number of prompts."""
    cache = EmbedCache(size=8)
    with cache.attached(known):
        for prompt in ("a", "bb", "ccc", "bb", "ccc"):
            known.encode_prompt([prompt])
        assert cache.misses == 3
        known.encode_prompt(["a"])
        assert cache.misses == 4
        rows, _ = known.encode_prompt(["dddd", "a", "eeeee"])
    assert rows.flatten().tolist() == [4.0, 1.0, 5.0]


def test_an_answer_that_is_too_large_is_not_kept() -> None:
    """It is answered all the same; nested answers are weighed whole."""
    pipe, cache = Other(), EmbedCache(size=7)
    with cache.attached(pipe):
        for _ in range(2):
            assert pipe.encode_prompt(["a", "bb"])[0].flatten().tolist() == [1.0, 2.0]
    assert cache.misses == 2
    assert cache._bytes == 0


def test_everything_can_be_forgotten(known: Encoder) -> None:
    """When the device needs its memory for something else."""
    cache = EmbedCache(size=8)
    with cache.attached(known):
        known.encode_prompt(["a"])
        cache.clear()
        known.encode_prompt(["a"])
        known.encode_prompt(["bb"])
        known.encode_prompt(["a"])
    assert cache.misses == 3


@given(
    st.lists(st.lists(st.text("ab", max_size=3), min_size=1, max_size=4), max_size=12),
    st.integers(1, 6),
    st.integers(0, 40),
)
def test_whatever_is_forgotten_the_answer_is_the_same(calls: list[list[str]], limit: int, size: int) -> None:
    """Batches in any order, a cache of any size: every row is its prompt's, and the bounds hold."""
    pipe, cache = Encoder(), EmbedCache(limit=limit, size=size)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(ROWS, "Encoder", (True, True))
        with cache.attached(pipe):
            for prompts in calls:
                rows, _ = pipe.encode_prompt(prompts)
                assert rows.flatten().tolist() == [float(len(prompt)) for prompt in prompts]
                assert len(cache._known) <= limit
                assert cache._bytes == 4 * len(cache._known) <= size


def test_the_pipeline_is_left_as_it_was(known: Encoder) -> None:
    """Outside the block it encodes by itself; a pipeline that encodes nothing is passed over."""
    with EmbedCache().attached(known):
        pass
    assert "encode_prompt" not in vars(known)
    with EmbedCache().attached(object()):
        pass


class Lists:
    """A pipeline that answers a list, each prompt as long as it is, and changes the list it is given (Z-Image)."""

    def __init__(self) -> None:
        self.seen: list[list[str]] = []

    def encode_prompt(self, prompt: list[str], instruction: list[str] | None = None) -> Any:
        """One tensor per prompt, and nothing for negative prompts."""
        self.seen.append(list(prompt))
        rows = [torch.full((len(text),), float(len(instruction or []))) for text in prompt]
        prompt[:] = ["spoilt"] * len(prompt)
        return rows, []


@pytest.fixture
def lists(monkeypatch: pytest.MonkeyPatch) -> Lists:
    """An encoder of lists that the cache knows."""
    monkeypatch.setitem(ROWS, "Lists", (True, True))
    return Lists()


def test_lists_are_put_together_as_tensors_are(lists: Lists) -> None:
    """Prompts of any length, each its own item; and what the pipeline does to its arguments is no matter."""
    cache = EmbedCache()
    with cache.attached(lists):
        lists.encode_prompt(["a", "bb"])
        rows, negative = lists.encode_prompt(["bb", "ccc", "a"])
        again, _ = lists.encode_prompt(["a", "bb"])
    assert lists.seen == [["a", "bb"], ["ccc"]]
    assert [len(row) for row in rows] == [2, 3, 1]
    assert [len(row) for row in again] == [1, 2]
    assert negative == []


@pytest.mark.parametrize("lines", [1, 2, 3])
def test_a_list_that_is_not_of_prompts_is_one_argument(lists: Lists, lines: int) -> None:
    """Sana is instructed in lines: as many as there are prompts, or not, they are the same for each."""
    cache = EmbedCache()
    with cache.attached(lists):
        rows, _ = lists.encode_prompt(["a", "bb"], ["do so"] * lines)
        same, _ = lists.encode_prompt(["bb"], ["do so"] * lines)
        other, _ = lists.encode_prompt(["bb"], ["do other"] * (lines + 1))
    assert [row.tolist() for row in rows] == [[lines], [lines, lines]]
    assert [row.tolist() for row in (*same, *other)] == [[lines] * 2, [lines + 1] * 2]
    assert cache.misses == 3


def test_a_row_does_not_keep_its_batch_alive(known: Encoder) -> None:
    """A remembered prompt holds its own memory only."""
    cache = EmbedCache()
    with cache.attached(known):
        known.encode_prompt(["a"] + ["b" * n for n in range(2, 50)])
        rows, _ = known.encode_prompt(["a"])
    assert rows.untyped_storage().nbytes() == 4
