"""What a pipeline is called with: only what it takes, and nothing that it would ignore or change without a word."""

import inspect
from collections.abc import Hashable, Mapping, Sequence
from typing import Any

from farm.errors import RenderError
from farm.manifest.task import RenderTask

#: Pipelines that pad prompts to the longest of a batch and let the padding be seen: a picture would depend on its
#: company (CogView4: by 15 of 255 levels in a tiny model), so prompts of one call must be equal.
UNMASKED = ("CogView4Pipeline",)
#: Below and at this guidance is off, in every pipeline.
_OFF = 1.0

Parameters = Mapping[str, inspect.Parameter]


def arguments(pipe: Any, tasks: Sequence[RenderTask]) -> dict[str, Any]:
    """What to call a pipeline with.

    Args:
        pipe: any text-to-image pipeline.
        tasks: of one batch key and one company.

    Raises:
        RenderError: the tasks ask for something that the pipeline does not take, would ignore or would change.
    """
    import torch

    task, accepted = tasks[0], inspect.signature(pipe.__call__).parameters
    check_size(pipe, task)
    given: dict[str, Any] = {
        "prompt": [task.prompt for task in tasks],
        "num_inference_steps": task.steps,
        "width": task.width,
        "height": task.height,
        # on the processor, one each: the noise of a picture depends on its seed alone
        "generator": [torch.Generator("cpu").manual_seed(signed(task.seed)) for task in tasks],
        "output_type": "pt",
        # PixArt, Sana and HunyuanDiT would draw at another size and scale the picture: neither its cost nor it would
        # be of the size asked for
        "use_resolution_binning": False,
    }
    return {name: value for name, value in given.items() if name in accepted} | _guided(pipe, accepted, tasks)


def _guided(pipe: Any, accepted: Parameters, tasks: Sequence[RenderTask]) -> dict[str, Any]:
    """Guidance and negative prompts."""
    task, name = tasks[0], guidance_name(pipe, accepted)
    given: dict[str, Any] = {}
    scale = task.guidance_scale
    if scale is not None and name is not None:
        given[name] = scale
    elif scale is not None and scale > _OFF:
        raise _refused(pipe, task, "guidance_scale")
    wanted = any(each.negative_prompt for each in tasks)
    if wanted and ("negative_prompt" not in accepted or (_has_true_cfg(accepted) and name != "true_cfg_scale")):
        raise _refused(pipe, task, "negative_prompt")
    # an empty negative prompt is not passed: pipelines read its mere presence as a wish for guidance
    if wanted or (name == "true_cfg_scale" and (scale or 0.0) > _OFF):
        given["negative_prompt"] = [each.negative_prompt for each in tasks]
    return given


def _refused(pipe: Any, task: RenderTask, name: str) -> RenderError:
    return RenderError(f"{type(pipe).__name__} takes no {name}: leave render.{name} out for {task.pipeline.model}.")


def guidance_name(pipe: Any, accepted: Parameters) -> str | None:
    """The parameter that a pipeline's guidance goes by; None where it has none.

    FLUX and QwenImage have two: ``guidance_scale`` is what a distilled model was given as a condition, and is ignored
    by models that were not; ``true_cfg_scale`` is what other pipelines call guidance.
    """
    own = accepted.get("guidance_scale")
    if not _has_true_cfg(accepted):
        distilled = getattr(getattr(pipe, "config", None), "is_distilled", False)
        return None if own is None or distilled else "guidance_scale"
    if getattr(getattr(getattr(pipe, "transformer", None), "config", None), "guidance_embeds", False):
        return "guidance_scale"
    return "true_cfg_scale" if own is None or own.default is None else None


def _has_true_cfg(accepted: Parameters) -> bool:
    return "true_cfg_scale" in accepted


def company(pipe: Any, task: RenderTask) -> Hashable:
    """What tasks of one batch key must share to be drawn in one call, so that no picture depends on the others."""
    if type(pipe).__name__ in UNMASKED:
        return task.prompt, task.negative_prompt
    presence = getattr(getattr(pipe, "config", None), "force_zeros_for_empty_prompt", False)
    # zeros stand for no negative prompt, which are not what an empty one is encoded as; or it switches guidance on
    if presence or (pipe is not None and _has_true_cfg(inspect.signature(pipe.__call__).parameters)):
        return bool(task.negative_prompt)
    return None


def check_size(pipe: Any, task: RenderTask) -> None:
    """Refuse a size that the pipeline would round; raises `RenderError`."""
    config = getattr(getattr(pipe, "image_processor", None), "config", None)
    multiple = int(getattr(config, "vae_scale_factor", 1) or 1)
    if task.width % multiple or task.height % multiple:
        raise RenderError(
            f"{type(pipe).__name__} draws sizes that are multiples of {multiple}, and {task.width}x{task.height} is "
            f"none: change render.size for {task.pipeline.model}."
        )


def signed(seed: int) -> int:
    """A seed of 64 bits as torch takes it on every platform."""
    return seed - 2**64 if seed >= 2**63 else seed
