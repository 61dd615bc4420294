"""What is hung on a pipeline while it makes one batch, and taken off again: timing, counting, stopping.

Works on any diffusers pipeline: nothing here knows a pipeline's class.
"""

import inspect
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

from farm.profile.seconds import Kind
from workers.pipeline import is_out_of_memory
from workers.replace import replaced
from workers.timing import Timeline

#: Called after every step with the number of schedule positions run so far; raises to stop the batch.
OnStep = Callable[[int], None]
#: Components that predict noise, by the name that pipelines give them.
DENOISERS = ("unet", "transformer", "transformer_2", "decoder", "prior")


@dataclass
class Probe:
    """Measures one call of a pipeline.

    Args:
        pipe: the pipeline, its scheduler set.
        timeline: takes the marks.
        on_step: called after every step.
        latents: what the VAE was last given: positional and named arguments.
        decoded: what it answered.
        out_of_memory: whether memory ran out while the VAE decoded: some pipelines keep that to themselves.
        denoiser_calls: forward passes of the denoiser.
        order: how many callbacks the pipeline makes for one schedule position.
    """

    pipe: Any
    timeline: Timeline
    on_step: OnStep
    latents: tuple[tuple[Any, ...], dict[str, Any]] | None = None
    decoded: Any = None
    out_of_memory: bool = False
    denoiser_calls: int = 0
    order: int = field(init=False, default=1)

    @contextmanager
    def attached(self) -> Iterator[dict[str, Any]]:
        """Hang everything on; yields the arguments that the call must be given as well."""
        with ExitStack() as stack:
            if callable(getattr(self.pipe, "encode_prompt", None)):
                stack.enter_context(replaced(self.pipe, "encode_prompt", self._encode_prompt))
            vae = getattr(self.pipe, "vae", None)
            if callable(getattr(vae, "decode", None)):
                stack.enter_context(replaced(vae, "decode", self._decode))
            for name in DENOISERS:
                self._count(stack, getattr(self.pipe, name, None))
            yield self._hook(stack)

    def _encode_prompt(self, original: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        self.timeline.enter(Kind.ENCODE_PROMPT)
        try:
            return original(*args, **kwargs)
        finally:
            self.timeline.enter(Kind.DENOISE)

    def _decode(self, original: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        self.timeline.enter(Kind.DECODE)
        self.latents = (args, kwargs)
        try:
            self.decoded = original(*args, **kwargs)
        except Exception as error:
            self.out_of_memory = is_out_of_memory(error)
            raise
        self.timeline.enter(Kind.POST)
        return self.decoded

    def _count(self, stack: ExitStack, module: Any) -> None:
        """Count a denoiser's forward passes; the first one ends prompt encoding where no method of that name does."""
        if not hasattr(module, "register_forward_pre_hook"):
            return

        def hook(*_: Any) -> None:
            """One forward pass begins."""
            self.denoiser_calls += 1
            self.timeline.enter(Kind.DENOISE)

        stack.callback(module.register_forward_pre_hook(hook).remove)

    def _hook(self, stack: ExitStack) -> dict[str, Any]:
        """The per-step hook in the form that this pipeline has."""
        accepted = inspect.signature(self.pipe.__call__).parameters
        self.order = int(getattr(self.pipe.scheduler, "order", 1))
        if "callback_on_step_end" in accepted:
            return {"callback_on_step_end": self._on_step_end}
        if "callback" in accepted and "callback_steps" in accepted:
            self.order = 1  # older pipelines call back once per position
            return {"callback": lambda *_: self._stepped(), "callback_steps": 1}
        stack.enter_context(replaced(self.pipe.scheduler, "step", self._scheduler_step))
        return {}

    def _on_step_end(self, _pipe: Any, _step: int, _timestep: Any, values: dict[str, Any]) -> dict[str, Any]:
        self._stepped()
        return values

    def _scheduler_step(self, original: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        result = original(*args, **kwargs)
        self._stepped()
        return result

    def _stepped(self) -> None:
        self.timeline.step()
        self.on_step(-(-self.timeline.steps // self.order))
