"""A scheduler of its own for every call: it keeps state, so two calls never share one."""

from typing import Any

from farm.errors import RenderError
from farm.steps.schedulers import SCHEDULERS, fits
from workers.pipeline import silenced


def make_scheduler(base: Any, name: str, *, timestep_spacing: str | None, model: str) -> Any:
    """A fresh scheduler.

    Args:
        base: the scheduler that the pipeline came with; it is left as it is.
        name: canonical name of `farm.steps.schedulers`, or ``default``.
        timestep_spacing: ``linspace``, ``leading`` or ``trailing``; None keeps what the pipeline came with.
        model: named in the error.

    Raises:
        RenderError: the scheduler does not fit the model.
    """
    import diffusers

    changes: dict[str, Any] = {} if timestep_spacing is None else {"timestep_spacing": timestep_spacing}
    kind = type(base)
    if name != "default":
        if not fits(name, flow=is_flow(base)):
            raise RenderError(
                f"Scheduler {name} does not fit {model}, a flow-matching model: use scheduler default instead."
                if is_flow(base)
                else f"Scheduler {name} is for flow-matching models and {model} is none: use scheduler default instead."
            )
        entry = SCHEDULERS[name]
        kind = getattr(diffusers, entry.class_name or type(base).__name__)
        changes = {**entry.overrides, **changes}
    with silenced():
        return kind.from_config(base.config, **changes)


def is_flow(scheduler: Any) -> bool:
    """Whether a pipeline with this scheduler predicts a flow."""
    config = scheduler.config
    flow_config = config.get("use_flow_sigmas", False) or config.get("prediction_type") == "flow_prediction"
    return "FlowMatch" in type(scheduler).__name__ or bool(flow_config)
