from collections.abc import Callable, Sequence
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from farm.errors import RenderError
from farm.ledger.values import Signal
from farm.manifest.task import PipelineKey, RenderTask
from workers.batch import Batcher, Failure
from workers.device import Device
from workers.lease import StoppedError
from workers.pipeline import Loaded

MakeTask = Callable[..., RenderTask]


class Room:
    """Pretends to render; runs out of memory above `fits` images, and raises what it is told."""

    def __init__(self, fits: int = 100, error: Exception | None = None) -> None:
        self.fits, self.error = fits, error
        self.sizes: list[int] = []

    def __call__(self, _loaded: Loaded, part: Sequence[RenderTask], *, start: int, on_step: Any) -> Any:
        """One call."""
        self.sizes.append(len(part))
        on_step(1)
        if self.error is not None:
            raise self.error
        if len(part) > self.fits:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return (start, start + len(part))


@pytest.fixture
def loaded(device: Device, make_task: MakeTask) -> Loaded:
    """A pipeline that nothing looks into."""
    return Loaded(key=make_task().pipeline, pipe=None, device=device, dtype="float32", bytes=0)


def run(batcher: Batcher, loaded: Loaded, tasks: list[RenderTask]) -> list[Any]:
    """Render tasks from position 10 on."""
    return list(batcher.run(loaded, tasks, start=10, on_step=lambda _step: None))


def test_what_fits_is_one_call(loaded: Loaded, make_task: MakeTask) -> None:
    """The usual case."""
    room = Room()
    assert run(Batcher(room), loaded, [make_task()] * 8) == [(10, 18)]
    assert room.sizes == [8]


def test_out_of_memory_halves_the_batch(loaded: Loaded, make_task: MakeTask) -> None:
    """Until it fits; every image is rendered all the same."""
    room = Room(fits=3)
    assert run(Batcher(room), loaded, [make_task()] * 8) == [(10, 12), (12, 14), (14, 16), (16, 18)]
    assert room.sizes == [8, 4, 2, 2, 2, 2]


def test_the_size_that_fits_is_remembered(loaded: Loaded, make_task: MakeTask) -> None:
    """For this pipeline and size; another size starts afresh."""
    room = Room(fits=4)
    batcher = Batcher(room)
    run(batcher, loaded, [make_task()] * 8)
    room.sizes.clear()
    run(batcher, loaded, [make_task()] * 8)
    assert room.sizes == [4, 4]
    room.sizes.clear()
    run(batcher, loaded, [make_task(width=32)] * 4)
    assert room.sizes == [4]


def test_what_another_process_found_out_is_asked_once(loaded: Loaded, make_task: MakeTask, ledger: Any) -> None:
    """A worker that starts afresh does not run out of memory again; what it finds out itself it passes on."""
    room = Room(fits=4)
    run(Batcher(room, ledger), loaded, [make_task()] * 8)
    shape = f"{loaded.key.queue}:64x64:Test CPU"
    assert ledger.caps == {shape: 4}
    room.sizes.clear()
    fresh = Batcher(room, ledger)
    run(fresh, loaded, [make_task()] * 8)
    ledger.caps = {shape: 1}
    run(fresh, loaded, [make_task()] * 8)
    assert room.sizes == [4, 4, 4, 4]


def test_embeddings_make_room_before_a_batch_is_halved(loaded: Loaded, make_task: MakeTask) -> None:
    """They can be made again when they are needed."""
    loaded.embeds._store("prompt", torch.ones(1))
    run(Batcher(Room(fits=4)), loaded, [make_task()] * 4)
    assert loaded.embeds._known
    run(Batcher(Room(fits=2)), loaded, [make_task()] * 4)
    assert not loaded.embeds._known


class Roomy(Device):
    """A device on which nothing needs to be handed back."""

    def free(self) -> None:
        """Nothing."""


@given(st.integers(1, 40), st.integers(1, 40))
def test_every_picture_is_rendered_once_however_many_fit(images: int, fits: int) -> None:
    """In order, without a gap, in calls that fit; a number that does not fit is tried once."""
    room = Room(fits=fits)
    device = Roomy(name="cpu", gpu="Test CPU", vram_gb=None, memory=2**30)
    task = RenderTask(
        index=0, pipeline=PipelineKey("model"), prompt="", negative_prompt="", seed=1, steps=1, scheduler="default",
        timestep_spacing=None, guidance_scale=None, width=64, height=64,
    )  # fmt: skip
    loaded = Loaded(key=task.pipeline, pipe=None, device=device, dtype="float32", bytes=0)
    found = run(Batcher(room), loaded, [task] * images)
    assert [position for start, stop in found for position in range(start, stop)] == list(range(10, 10 + images))
    too_large = [size for size in room.sizes if size > fits]
    assert len(set(too_large)) == len(too_large)


def test_one_picture_that_does_not_fit_fails_alone(loaded: Loaded, make_task: MakeTask) -> None:
    """With a sentence that names its size."""
    found = run(Batcher(Room(fits=0)), loaded, [make_task()] * 2)
    assert [(failure.start, failure.stop) for failure in found] == [(10, 11), (11, 12)]
    assert "64x64" in found[0].message


def test_a_batch_that_raises_fails_as_a_whole(loaded: Loaded, make_task: MakeTask) -> None:
    """Nobody knows who is to blame: the ledger halves it."""
    found = run(Batcher(Room(error=ValueError("bad\n  shape"))), loaded, [make_task()] * 4)
    assert found == [Failure(10, 14, "ValueError", "bad shape")]


def test_a_picture_that_cannot_be_made_says_why(loaded: Loaded, make_task: MakeTask) -> None:
    """The farm's own errors are sentences already, and true on every worker."""
    found = run(Batcher(Room(error=RenderError("Too wide."))), loaded, [make_task()])
    assert found == [Failure(10, 11, "RenderError", "Too wide.", certain=True)]


def test_a_stop_comes_out(loaded: Loaded, make_task: MakeTask) -> None:
    """A cancelled job is no failure of its tasks."""
    with pytest.raises(StoppedError):
        run(Batcher(Room(error=StoppedError(Signal.CANCEL))), loaded, [make_task()] * 2)
