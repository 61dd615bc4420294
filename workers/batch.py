"""A run of tasks of one batch key as calls that fit into memory; a call that fails takes no other with it."""

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from farm.errors import RenderError
from farm.ledger.values import Signal
from farm.manifest.task import RenderTask
from workers.arguments import company
from workers.lease import StoppedError
from workers.pipeline import Loaded, is_broken_device, is_out_of_memory
from workers.probe import OnStep
from workers.render import Rendered, render

log = logging.getLogger(__name__)

#: How a batch is rendered; tests pass their own.
Render = Callable[..., Rendered]

TOO_LARGE = (
    "The device ran out of memory on a single picture of {width}x{height}: use a smaller size or a larger device."
)


@dataclass(frozen=True, slots=True)
class Failure:
    """A run of positions that could not be rendered.

    Args:
        start: first position.
        stop: last position, exclusive. More than one: it is not known which of them is to blame.
        kind: class of the error, for the record.
        message: sentence for the user.
        certain: whether it would fail again wherever it is tried.
    """

    start: int
    stop: int
    kind: str
    message: str
    certain: bool = False


def failure(start: int, stop: int, error: Exception, *, certain: bool = False) -> Failure:
    """An error as the failure of a run of positions."""
    message = " ".join(str(error).split()) or type(error).__name__
    return Failure(start, stop, type(error).__name__, message, certain)


class Caps(Protocol):
    """Remembers how many images fit, beyond the life of this process."""

    def cap(self, shape: str) -> int | None:
        """Most images of a shape to try; None where any number may fit."""

    def set_cap(self, shape: str, images: int) -> None:
        """So many images are the most to try."""


@dataclass
class Batcher:
    """Renders runs of tasks, and remembers how many images of a shape fit.

    Args:
        render: how one call is made.
        caps: where others learn how many images of a shape fit; asked once for each.
    """

    render: Render = render
    caps: Caps | None = None
    #: Whether the device failed in a way that only a new process mends.
    broken: bool = field(init=False, default=False)
    _known: dict[str, int | None] = field(init=False, default_factory=dict)

    def run(
        self, loaded: Loaded, tasks: Sequence[RenderTask], *, start: int, on_step: OnStep
    ) -> Iterator[Rendered | Failure]:
        """Render tasks of one batch key that begin at position `start`, in as few calls as fit.

        Raises:
            StoppedError: `on_step` ended it, or the device is broken.
        """
        shape = shape_of(loaded, tasks[0])
        done = 0
        while done < len(tasks):
            part = _together(loaded, tasks[done : done + (self._cap(shape) or len(tasks))])
            outcome = self._attempt(loaded, part, start=start + done, on_step=on_step)
            if outcome is None:
                loaded.embeds.clear()
                loaded.device.free()
                if len(part) > 1:
                    self._set_cap(shape, len(part) // 2)
                    log.warning("Out of memory with %d images: trying %d", len(part), len(part) // 2)
                    continue
                message = TOO_LARGE.format(width=tasks[0].width, height=tasks[0].height)
                outcome = Failure(start + done, start + done + 1, "OutOfMemoryError", message)
            yield outcome
            done += len(part)
            if self.broken:
                raise StoppedError(Signal.DRAIN)

    def _cap(self, shape: str) -> int | None:
        if shape not in self._known:
            self._known[shape] = self.caps.cap(shape) if self.caps else None
        return self._known[shape]

    def _set_cap(self, shape: str, images: int) -> None:
        self._known[shape] = images
        if self.caps:
            self.caps.set_cap(shape, images)

    def _attempt(
        self, loaded: Loaded, part: Sequence[RenderTask], *, start: int, on_step: OnStep
    ) -> Rendered | Failure | None:
        """One call; None when memory ran out. Out of here, the frames that held the memory are gone."""
        try:
            return self.render(loaded, part, start=start, on_step=on_step)
        except StoppedError:
            raise
        except RenderError as error:
            return failure(start, start + len(part), error, certain=True)
        except Exception as error:  # the worker's edge: whatever a pipeline raises is recorded
            if is_out_of_memory(error):
                return None
            self.broken = is_broken_device(error)
            log.exception("Batch %d-%d failed", start, start + len(part))
            return failure(start, start + len(part), error)


def _together(loaded: Loaded, tasks: Sequence[RenderTask]) -> Sequence[RenderTask]:
    """The first of some tasks that can share a call without any of them seeing it."""
    kind = company(loaded.pipe, tasks[0])
    other = (index for index, task in enumerate(tasks) if company(loaded.pipe, task) != kind)
    return tasks[: next(other, len(tasks))]


def shape_of(loaded: Loaded, task: RenderTask) -> str:
    """What decides how many images fit: the pipeline, the size and the kind of device."""
    return f"{loaded.key.queue}:{task.width}x{task.height}:{loaded.device.gpu}"
