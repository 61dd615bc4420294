import pytest
from hypothesis import given
from hypothesis import strategies as st

from farm.errors import ModelError
from farm.manifest.task import PipelineKey
from workers.cache import PipelineCache
from workers.device import Device
from workers.locate import Find
from workers.pipeline import Loaded

A, B, C = (PipelineKey(name) for name in "abc")


class Shelf:
    """Loads pipelines of 40 bytes, and remembers which."""

    def __init__(self, size: int = 40) -> None:
        self.size = size
        self.loaded: list[str] = []

    def load(self, key: PipelineKey, device: Device, _find: Find) -> Loaded:
        """Load."""
        self.loaded.append(key.model)
        return Loaded(key=key, pipe=None, device=device, dtype="float32", bytes=self.size)


DEVICE = Device(name="cpu", gpu="CPU", vram_gb=None, memory=100)


def test_a_pipeline_is_loaded_once() -> None:
    """Asking again costs nothing."""
    shelf = Shelf()
    cache = PipelineCache(DEVICE, shelf.load)
    assert cache.get(A) is cache.get(A)
    assert shelf.loaded == ["a"]


def test_what_was_not_used_for_longest_goes_first() -> None:
    """Two of 40 fit into 100; the third pushes out the one that rested."""
    shelf = Shelf()
    cache = PipelineCache(DEVICE, shelf.load)
    for key in (A, B, A, C):
        cache.get(key)
    assert cache.queues == (A.queue, C.queue)
    cache.get(B)
    assert shelf.loaded == ["a", "b", "c", "b"]


def test_one_that_is_larger_than_the_budget_is_kept_alone() -> None:
    """The budget is for what is kept beside it; what is in use stays."""
    cache = PipelineCache(DEVICE, Shelf(size=500).load)
    cache.get(A)
    cache.get(B)
    assert cache.queues == (B.queue,)


def test_what_does_not_fit_beside_the_others_is_loaded_alone() -> None:
    """Out of memory while others are loaded is no verdict about the model."""
    tries: list[str] = []

    def load(key: PipelineKey, device: Device, _find: Find) -> Loaded:
        tries.append(key.model)
        if tries == ["a", "b"]:
            raise ModelError("does not fit") from MemoryError()
        return Loaded(key=key, pipe=None, device=device, dtype="float32", bytes=10)

    cache = PipelineCache(DEVICE, load)
    cache.get(A)
    cache.get(B)
    assert tries == ["a", "b", "b"]
    assert cache.queues == (B.queue,)


def test_a_model_that_cannot_be_loaded_leaves_the_others() -> None:
    """The error comes out, and the cache is as it was."""

    def load(key: PipelineKey, device: Device, _find: Find) -> Loaded:
        if key == B:
            raise ModelError("corrupt")
        return Loaded(key=key, pipe=None, device=device, dtype="float32", bytes=10)

    cache = PipelineCache(DEVICE, load)
    cache.get(A)
    with pytest.raises(ModelError, match="corrupt"):
        cache.get(B)
    assert cache.queues == (A.queue,)


class Roomy(Device):
    """A device on which nothing needs to be handed back."""

    def free(self) -> None:
        """Nothing."""


@given(st.lists(st.tuples(st.sampled_from("abcd"), st.integers(1, 120)), max_size=20))
def test_what_is_kept_fits_and_is_what_was_used_last(wanted: list[tuple[str, int]]) -> None:
    """Pipelines of any size in any order: the one asked for is there, and the others fit beside it."""
    shelf = Shelf()
    cache = PipelineCache(Roomy(name="cpu", gpu="CPU", vram_gb=None, memory=100), shelf.load)
    used: list[str] = []
    for model, size in wanted:
        shelf.size = size
        assert cache.get(PipelineKey(model)).key.model == model
        used = [*(each for each in used if each != model), model]
        kept = [loaded.key.model for loaded in cache._loaded.values()]
        assert kept == used[-len(kept) :]
        assert len(kept) == 1 or sum(loaded.bytes for loaded in cache._loaded.values()) <= DEVICE.memory
    assert len(cache.queues) == len(set(cache.queues))
