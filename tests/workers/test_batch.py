from collections.abc import Callable, Sequence
from typing import Any

import pytest
import torch

from farm.errors import RenderError
from farm.ledger.values import Signal
from farm.manifest.task import RenderTask
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
