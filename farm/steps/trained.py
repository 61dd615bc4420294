"""How a model was trained to be denoised, and which schedulers can keep to it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from farm.steps.schedulers import SCHEDULERS, fits

#: Schedulers of diffusers that can be set to end at a signal-to-noise ratio of zero.
_ZERO_SNR = {
    None,
    "DDIMScheduler",
    "DDPMScheduler",
    "DPMSolverMultistepScheduler",
    "EulerAncestralDiscreteScheduler",
    "EulerDiscreteScheduler",
    "LCMScheduler",
    "UniPCMultistepScheduler",
}
#: Pipelines that bring a schedule of their own, and the schedulers that run it.
_OWN_SCHEDULE = (
    (re.compile(r"^(Flux|Lumina2|ZImage|Chroma|CogView4|QwenImage)"), ("default", "flow-euler")),
    (re.compile(r"^LatentConsistencyModel"), ("default", "lcm")),
)


@dataclass(frozen=True, slots=True)
class Trained:
    """What a scheduler must keep of a model.

    Args:
        flow: whether it was trained to predict a flow; None where that cannot be told.
        zero_snr: whether its noise ends at a signal-to-noise ratio of zero.
        edm: whether it is preconditioned as by Karras et al. (2022): its own scheduler alone knows how.
        class_name: of the pipeline; None where it is not at hand.
    """

    FLOW_CLASSES: ClassVar[re.Pattern[str]] = re.compile(
        r"Flux|StableDiffusion3|SD3|AuraFlow|Lumina2|ZImage|QwenImage|Sana|HiDream|Chroma|CogView4"
    )

    flow: bool | None = None
    zero_snr: bool = False
    edm: bool = False
    class_name: str | None = None

    @classmethod
    def of(cls, scheduler: str, config: Mapping[str, Any], *, class_name: str | None = None) -> "Trained":
        """As a pipeline's own scheduler has it.

        Args:
            scheduler: class of the scheduler that the pipeline came with.
            config: its configuration.
            class_name: of the pipeline.
        """
        flow = "FlowMatch" in scheduler or bool(config.get("use_flow_sigmas"))
        flow = flow or config.get("prediction_type") == "flow_prediction"
        return cls(
            flow=flow or cls.FLOW_CLASSES.match(class_name or "") is not None,
            zero_snr=bool(config.get("rescale_betas_zero_snr")),
            edm=scheduler.startswith("EDM"),
            class_name=class_name,
        )

    def why_unfit(self, name: str) -> str | None:
        """Why a scheduler does not fit, as the end of a sentence; None when nothing speaks against it."""
        if name == "default":
            return None
        if self.flow is not None and not fits(name, flow=self.flow):
            return "which is a flow-matching model" if self.flow else "which is no flow-matching model"
        if self.edm:
            return "which only its own scheduler can denoise"
        if self.zero_snr and SCHEDULERS[name].class_name not in _ZERO_SNR:
            return "which was trained down to a signal-to-noise ratio of zero, and that scheduler stops above it"
        own = next((names for pattern, names in _OWN_SCHEDULE if pattern.match(self.class_name or "")), None)
        return f"whose pipeline ({self.class_name}) brings its own schedule" if own and name not in own else None

    @property
    def suited(self) -> list[str]:
        """Every scheduler that fits."""
        return [name for name in SCHEDULERS if self.why_unfit(name) is None]
