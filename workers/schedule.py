"""A scheduler of its own for every call: it keeps state, so two calls never share one."""

from typing import Any

from farm.errors import RenderError
from farm.steps.schedulers import SCHEDULERS
from farm.steps.trained import Trained
from workers.pipeline import silenced


def make_scheduler(
    base: Any, name: str, *, timestep_spacing: str | None, model: str, class_name: str | None = None
) -> Any:
    """A fresh scheduler that keeps to what the model was trained for.

    Args:
        base: the scheduler that the pipeline came with; it is left as it is.
        name: canonical name of `farm.steps.schedulers`, or ``default``.
        timestep_spacing: ``linspace``, ``leading`` or ``trailing``; None keeps what the pipeline came with.
        model: named in the error.
        class_name: of the pipeline.

    Raises:
        RenderError: the scheduler does not fit the model.
    """
    import diffusers

    trained = Trained.of(type(base).__name__, base.config, class_name=class_name)
    why = trained.why_unfit(name)
    if why is not None:
        raise RenderError(f"Scheduler {name} does not fit {model}, {why}: use scheduler default instead.")
    if trained.flow and timestep_spacing is not None:
        raise RenderError(f"render.timestep_spacing has no meaning for {model}, a flow-matching model: leave it out.")
    entry = SCHEDULERS[name]
    kind = getattr(diffusers, entry.class_name or type(base).__name__)
    changes: dict[str, Any] = dict(entry.overrides)
    if timestep_spacing is not None:
        changes["timestep_spacing"] = timestep_spacing
    if entry.flow and "flow_shift" in base.config:
        changes["shift"] = base.config["flow_shift"]  # the same figure by the name that flow-matching schedulers use
    with silenced():
        return kind.from_config(base.config, **changes)
