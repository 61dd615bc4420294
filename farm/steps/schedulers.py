"""Schedulers by name: what users call them, and what diffusers calls them.

The class names and their overrides follow the table "Schedulers" of the diffusers documentation.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from enum import StrEnum
from types import MappingProxyType


class Kind(StrEnum):
    """How a sampler answers to more steps."""

    FAST = "fast"  #: converges early: 15-25 steps, more adds little
    DETAIL = "detail"  #: goes on refining to 40-50 steps
    STOCHASTIC = "stochastic"  #: never converges: more steps give another image, not a better one


@dataclass(frozen=True, slots=True)
class Scheduler:
    """One scheduler as the farm offers it.

    Args:
        name: the canonical name, as it stands in plans and reports.
        class_name: diffusers class; None is the one that the pipeline came with.
        kind: how it answers to more steps.
        sampler_name: what PNG metadata calls it, in the spelling that other programs read.
        overrides: configuration that makes the class this sampler, on top of the pipeline's own.
        flow: whether it belongs to flow-matching models.
        calls: denoiser calls for n steps are ``calls[0] * n + calls[1]``.
    """

    name: str
    class_name: str | None
    kind: Kind
    sampler_name: str
    overrides: Mapping[str, object] = field(default_factory=dict)
    flow: bool = False
    calls: tuple[int, int] = (1, 0)


#: Each schedule is named in full, so that nothing of the pipeline's own scheduler shines through.
_PLAIN = {"use_karras_sigmas": False, "use_exponential_sigmas": False, "use_beta_sigmas": False}
_KARRAS = _PLAIN | {"use_karras_sigmas": True}
_MULTI, _SINGLE = "DPMSolverMultistepScheduler", "DPMSolverSinglestepScheduler"
_SOLVER = {"algorithm_type": "dpmsolver++", "solver_order": 2}
_SDE = {"algorithm_type": "sde-dpmsolver++", "solver_order": 2}
#: Two calls a step, one for the last.
_TWICE = (2, -1)

_TABLE = (
    Scheduler("default", None, Kind.FAST, "Default"),
    Scheduler("euler", "EulerDiscreteScheduler", Kind.FAST, "Euler", _PLAIN),
    Scheduler("euler-karras", "EulerDiscreteScheduler", Kind.FAST, "Euler Karras", _KARRAS),
    Scheduler("euler-a", "EulerAncestralDiscreteScheduler", Kind.STOCHASTIC, "Euler a"),
    Scheduler("ddim", "DDIMScheduler", Kind.FAST, "DDIM", {"clip_sample": False, "set_alpha_to_one": False}),
    Scheduler("ddpm", "DDPMScheduler", Kind.STOCHASTIC, "DDPM", {"clip_sample": False}),
    Scheduler("dpm++2m", _MULTI, Kind.FAST, "DPM++ 2M", _PLAIN | _SOLVER),
    Scheduler("dpm++2m-karras", _MULTI, Kind.FAST, "DPM++ 2M Karras", _KARRAS | _SOLVER),
    Scheduler("dpm++2m-sde", _MULTI, Kind.DETAIL, "DPM++ 2M SDE", _PLAIN | _SDE),
    Scheduler("dpm++2m-sde-karras", _MULTI, Kind.DETAIL, "DPM++ 2M SDE Karras", _KARRAS | _SDE),
    Scheduler("dpm++3m", _MULTI, Kind.DETAIL, "DPM++ 3M", _PLAIN | _SOLVER | {"solver_order": 3}),
    Scheduler("dpm++3m-sde", _MULTI, Kind.DETAIL, "DPM++ 3M SDE", _PLAIN | _SDE | {"solver_order": 3}),
    Scheduler("dpm++3m-sde-karras", _MULTI, Kind.DETAIL, "DPM++ 3M SDE Karras", _KARRAS | _SDE | {"solver_order": 3}),
    Scheduler("dpm++sde", _SINGLE, Kind.STOCHASTIC, "DPM++ SDE", _PLAIN | _SDE),
    Scheduler("dpm++sde-karras", _SINGLE, Kind.STOCHASTIC, "DPM++ SDE Karras", _KARRAS | _SDE),
    Scheduler("dpm2", "KDPM2DiscreteScheduler", Kind.FAST, "DPM2", _PLAIN, calls=_TWICE),
    Scheduler("dpm2-karras", "KDPM2DiscreteScheduler", Kind.FAST, "DPM2 Karras", _KARRAS, calls=_TWICE),
    Scheduler("dpm2-a", "KDPM2AncestralDiscreteScheduler", Kind.STOCHASTIC, "DPM2 a", _PLAIN, calls=_TWICE),
    Scheduler(
        "dpm2-a-karras", "KDPM2AncestralDiscreteScheduler", Kind.STOCHASTIC, "DPM2 a Karras", _KARRAS, calls=_TWICE
    ),
    Scheduler("heun", "HeunDiscreteScheduler", Kind.FAST, "Heun", _PLAIN, calls=_TWICE),
    Scheduler("heun-karras", "HeunDiscreteScheduler", Kind.FAST, "Heun Karras", _KARRAS, calls=_TWICE),
    Scheduler("pndm", "PNDMScheduler", Kind.FAST, "PLMS", {"skip_prk_steps": True}, calls=(1, 1)),
    Scheduler("unipc", "UniPCMultistepScheduler", Kind.FAST, "UniPC", _PLAIN),
    Scheduler("unipc-karras", "UniPCMultistepScheduler", Kind.FAST, "UniPC Karras", _KARRAS),
    Scheduler("lcm", "LCMScheduler", Kind.FAST, "LCM"),
    Scheduler("flow-euler", "FlowMatchEulerDiscreteScheduler", Kind.FAST, "Euler", flow=True),
    Scheduler("flow-heun", "FlowMatchHeunDiscreteScheduler", Kind.FAST, "Heun", flow=True, calls=_TWICE),
)

#: Every scheduler by its canonical name.
SCHEDULERS: Mapping[str, Scheduler] = MappingProxyType({each.name: each for each in _TABLE})

#: Other spellings, folded: what ComfyUI, k-diffusion and diffusers say where folding alone does not meet.
_ALIASES = {
    "eulerancestraldiscrete": "euler-a",
    "eulerdiscrete": "euler",
    "dpmsolvermultistep": "dpm++2m",
    "dpmsolversinglestep": "dpm++sde",
    "dpm2discrete": "dpm2",
    "dpm2ancestraldiscrete": "dpm2-a",
    "dpm++solver": "dpm++2m",
    "heundiscrete": "heun",
    "plms": "pndm",
    "unipcmultistep": "unipc",
    "flowmatcheulerdiscrete": "flow-euler",
    "flowmatcheuler": "flow-euler",
    "flowmatchheundiscrete": "flow-heun",
    "flowmatchheun": "flow-heun",
}

#: How ComfyUI and A1111 name a schedule that is the sampler's own: nothing need be said of it.
_USUAL = r"(normal|simple|automatic|(?<!sgm)(?<!ddim)uniform)"
#: Schedules that exist and cannot be had by a sampler's name.
_SCHEDULES = ("karras", "exponential", "sgmuniform", "ddimuniform", "beta", "polyexponential", "kloptimal", "turbo")

#: What `timestep_spacing` may be.
SPACINGS = ("linspace", "leading", "trailing")


def _fold(name: str) -> str:
    """``DPM++ 2M Karras``, ``dpmpp_2m_karras`` and ``dpm++2m-karras`` fold to one word.

    So do ``dpmpp_2m_k`` (InvokeAI), ``dpmpp_2m_sde_gpu karras`` (ComfyUI: the same on the GPU), and a sampler with the
    schedule that is its own anyway, such as ``euler normal``.
    """
    folded = re.sub(r"[\s_-]k$", "karras", name.casefold().strip())
    folded = re.sub(r"[\s_-]+", "", folded)
    folded = re.sub(r"^k(?=euler|dpm|heun)", "", folded).removesuffix("scheduler")
    folded = re.sub(r"^dpmpp", "dpm++", re.sub(r"^unipcbh[12]", "unipc", folded))
    folded = re.sub(rf"(?<=.){_USUAL}$", "", folded)
    folded = re.sub(r"^(euler|dpm2)ancestral(?!discrete)", r"\1a", folded)
    return re.sub(r"(karras)+$", "karras", re.sub(r"(?<=sde)gpu", "", folded))


_FOLDED = {_fold(name): name for name in SCHEDULERS} | _ALIASES


def canonical(name: str) -> str:
    """The canonical name of a scheduler.

    Raises:
        ValueError: no scheduler goes by this name; says which one is near, or which there are.
    """
    folded = _fold(name)
    if folded in _FOLDED:
        return _FOLDED[folded]
    schedule = next((each for each in _SCHEDULES if len(folded) > len(each) and folded.endswith(each)), None)
    if schedule and folded.removesuffix(schedule) in _FOLDED:
        plain = _FOLDED[folded.removesuffix(schedule)]
        raise ValueError(f"{name[:60]!r} is no scheduler: {plain} has no {schedule} schedule here; take {plain}.")
    near = get_close_matches(folded, _FOLDED, n=1)
    hint = f"did you mean {_FOLDED[near[0]]}?" if near else f"there are {', '.join(SCHEDULERS)}."
    raise ValueError(f"{name[:60]!r} is no scheduler: {hint}")


def fits(scheduler: str, *, flow: bool) -> bool:
    """Whether a scheduler suits a model that is, or is not, a flow-matching one."""
    return scheduler == "default" or SCHEDULERS[scheduler].flow == flow


def effective_steps(scheduler: str, steps: int) -> int:  # noqa: ARG001 image-to-image will round by scheduler
    """Schedule positions run, for text-to-image: all of them."""
    return steps


def denoiser_calls(scheduler: str, steps: int) -> int:
    """How often a scheduler has the denoiser called: Heun 39 times for 20 steps, PNDM 21 times, and once for one step.

    Pipelines that give guidance a pass of its own call it twice as often.
    """
    factor, extra = SCHEDULERS[scheduler].calls
    return factor * steps + extra if steps > 1 else 1
