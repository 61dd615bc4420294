"""What a user of diffusers gets without the farm."""

import inspect
import warnings
from typing import Any

import numpy as np
import torch


def draw(pipe: Any, **settings: Any) -> np.ndarray[Any, Any]:
    """One picture, ``[height, width, 3]`` in signed numbers; `seed` and `steps` as the farm calls them.

    What is None is left to the pipeline, and a size is taken as it is, not scaled from one that the model prefers.
    """
    seed, steps = settings.pop("seed"), settings.pop("steps")
    given = {name: value for name, value in settings.items() if value not in (None, "") or name == "prompt"}
    accepted = inspect.signature(pipe.__call__).parameters
    if "guidance_scale" in given and accepted["guidance_scale"].default is None:
        given["true_cfg_scale"] = given.pop("guidance_scale")
    if "use_resolution_binning" in accepted:
        given["use_resolution_binning"] = False
    pipe.set_progress_bar_config(disable=True)
    with torch.inference_mode(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        generator = torch.Generator("cpu").manual_seed(seed)
        answer = pipe(num_inference_steps=steps, generator=generator, **given)
    return np.asarray(answer.images[0]).astype(int)
