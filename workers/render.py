"""One diffusers call: a batch of tasks of one batch key in, pixels and timings out."""

import time
from collections.abc import Callable, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from farm.errors import RenderError
from farm.manifest.task import RenderTask
from farm.profile.record import BatchRecord
from farm.profile.seconds import Kind
from workers.arguments import arguments
from workers.pipeline import Loaded, is_out_of_memory, silenced
from workers.pixels import BLANKED, as_tensor, bad_rows, decode_in_float32, to_bytes
from workers.probe import OnStep, Probe
from workers.refusals import told
from workers.schedule import make_scheduler
from workers.timing import Phase, Timeline, Timings, by_position, clock_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np

#: Wall clock, POSIX seconds.
Now = Callable[[], float]


@dataclass(frozen=True, slots=True)
class Rendered:
    """What one call made.

    Args:
        pixels: 8-bit ``[n, height, width, 3]``.
        faults: per picture, the sentence that says why it cannot be used, or None.
        record: what was measured.
        phases: what the call's time went into, in seconds from `record.started_at`.
    """

    pixels: "np.ndarray[Any, Any]"
    faults: list[str | None]
    record: BatchRecord
    phases: tuple[Phase, ...]

    @property
    def stop(self) -> int:
        """End of its positions, exclusive."""
        return self.record.stop


def render(
    loaded: Loaded, tasks: Sequence[RenderTask], *, start: int, on_step: OnStep, now: Now = time.time
) -> Rendered:
    """Render tasks of one batch key.

    Args:
        loaded: the pipeline of that key.
        tasks: at positions `start` and following.
        start: position of the first task.
        on_step: called after every step with the number of positions run; raises to stop.
        now: the wall clock.

    Raises:
        RenderError: the scheduler does not fit the model, or the pipeline does not take what the task asks for or
            draws it in another size; it would be so on every worker.
    """
    import torch

    started_at = now()
    timeline = Timeline(clock_of(loaded.device))
    timeline.enter(Kind.ENCODE_PROMPT)
    with torch.inference_mode(), silenced(), scheduled(loaded, tasks[0]):
        probe = Probe(loaded.pipe, timeline, lambda step: on_step(min(step, tasks[0].steps)))
        given = arguments(loaded.pipe, tasks)
        with told(loaded.pipe, model=loaded.key.model), loaded.embeds.attached(loaded.pipe), probe.attached() as hooks:
            answer = _call(loaded.pipe, given | hooks, probe)
        pixels, faults = finish(loaded.pipe, answer, probe)
        check_shape(loaded.pipe, pixels.shape, tasks[0])
    timings = timeline.read()
    return Rendered(
        pixels=pixels,
        faults=faults,
        record=measured(loaded, tasks, probe, timings, start=start, started_at=started_at),
        phases=timings.phases,
    )


def _call(pipe: Any, given: dict[str, Any], probe: Probe) -> Any:
    """The call; memory that ran out is said to have run out, also where a pipeline made a warning of it (Sana)."""
    import torch

    try:
        return pipe(**given)
    except Exception as error:
        if probe.out_of_memory and not is_out_of_memory(error):
            raise torch.OutOfMemoryError("out of memory while decoding") from error
        raise


@contextmanager
def scheduled(loaded: Loaded, task: RenderTask) -> "Iterator[None]":
    """The pipeline with a scheduler of its own for this call."""
    pipe, own = loaded.pipe, loaded.pipe.scheduler
    pipe.scheduler = make_scheduler(
        own,
        task.scheduler,
        timestep_spacing=task.timestep_spacing,
        model=task.pipeline.model,
        class_name=type(pipe).__name__,
    )
    try:
        yield
    finally:
        pipe.scheduler = own


def check_shape(pipe: Any, shape: tuple[int, ...], task: RenderTask) -> None:
    """Refuse pictures ``[n, height, width, 3]`` that are not of the size asked for; raises `RenderError`."""
    height, width = shape[1:3]
    if (width, height) != (task.width, task.height):
        raise RenderError(
            f"{type(pipe).__name__} drew {width}x{height} where {task.width}x{task.height} was asked for: change "
            f"render.size for {task.pipeline.model}."
        )


def finish(pipe: Any, answer: Any, probe: Probe) -> tuple["np.ndarray[Any, Any]", list[str | None]]:
    """Pixels and faults of a call's answer; pictures that are not finite are decoded once more in float32."""
    images = as_tensor(answer.images)
    decoded = probe.decoded[0] if isinstance(probe.decoded, tuple) else getattr(probe.decoded, "sample", None)
    faults = bad_rows(images, decoded)
    if any(faults) and probe.latents is not None:
        again = decode_in_float32(pipe, probe.latents)
        if again is not None and again[0].shape == images.shape:
            images = images.clone()
            for row, fault in enumerate(bad_rows(*again)):
                if faults[row]:
                    images[row], faults[row] = again[0][row].to(images.dtype), fault
    blanked = getattr(answer, "nsfw_content_detected", None) or [False] * len(faults)
    return to_bytes(images), [
        BLANKED if fault and black else fault for fault, black in zip(faults, blanked, strict=True)
    ]


def measured(  # noqa: PLR0913 by name
    loaded: Loaded, tasks: Sequence[RenderTask], probe: Probe, timings: Timings, *, start: int, started_at: float
) -> BatchRecord:
    """The record of a call."""
    task = tasks[0]
    step_s = by_position(timings.step_s, steps=task.steps, order=probe.order)
    return BatchRecord(
        start=start,
        stop=start + len(tasks),
        batch_size=len(tasks),
        dtype=loaded.dtype,
        model=task.pipeline.model,
        revision=task.pipeline.revision,
        width=task.width,
        height=task.height,
        steps=task.steps,
        effective_steps=len(step_s) or task.steps,  # a pipeline that calls nothing back
        denoiser_calls=probe.denoiser_calls,
        scheduler=task.scheduler,
        guidance_scale=task.guidance_scale,
        started_at=started_at,
        encode_prompt_s=timings.seconds(Kind.ENCODE_PROMPT),
        step_s=step_s,
        denoise_s=timings.seconds(Kind.DENOISE),
        decode_s=timings.seconds(Kind.DECODE),
        post_s=timings.seconds(Kind.POST),
    )
