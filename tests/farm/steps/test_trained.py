"""Which schedulers keep to what a model was trained for."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from farm.steps.schedulers import SCHEDULERS
from farm.steps.trained import Trained

NAMES = st.sampled_from(sorted(SCHEDULERS))
TRAINED = st.builds(
    Trained,
    flow=st.none() | st.booleans(),
    zero_snr=st.booleans(),
    edm=st.booleans(),
    class_name=st.none()
    | st.sampled_from(["FluxPipeline", "StableDiffusionPipeline", "LatentConsistencyModelPipeline"]),
)


@pytest.mark.parametrize(
    ("scheduler", "config", "class_name", "flow"),
    [
        ("EulerDiscreteScheduler", {}, "StableDiffusionPipeline", False),
        ("FlowMatchEulerDiscreteScheduler", {}, "AnyPipeline", True),
        ("DPMSolverMultistepScheduler", {"use_flow_sigmas": True}, "AnyPipeline", True),
        ("DPMSolverMultistepScheduler", {"prediction_type": "flow_prediction"}, None, True),
        ("None", {}, "SanaPipeline", True),
        ("None", {}, None, False),
    ],
)
def test_a_flow_is_known(scheduler: str, config: dict[str, object], class_name: str | None, *, flow: bool) -> None:
    """By its scheduler, its configuration or its pipeline."""
    assert Trained.of(scheduler, config, class_name=class_name).flow is flow


def test_what_a_configuration_says() -> None:
    """Zero at the end, and preconditioning."""
    assert Trained.of("DDIMScheduler", {"rescale_betas_zero_snr": True}).zero_snr
    assert Trained.of("EDMDPMSolverMultistepScheduler", {}).edm
    assert Trained.of("DDIMScheduler", {}) == Trained(flow=False)


@pytest.mark.parametrize(
    ("trained", "unfit", "fit", "said"),
    [
        (Trained(flow=True), "ddim", "flow-heun", "which is a flow-matching model"),
        (Trained(flow=False), "flow-euler", "ddim", "which is no flow-matching model"),
        (Trained(flow=False, zero_snr=True), "heun", "dpm++2m", "signal-to-noise ratio of zero"),
        (Trained(flow=False, edm=True), "euler", "default", "its own scheduler"),
        (Trained(flow=True, class_name="FluxPipeline"), "flow-heun", "flow-euler", "brings its own schedule"),
        (Trained(flow=False, class_name="LatentConsistencyModelPipeline"), "euler", "lcm", "brings its own schedule"),
    ],
)
def test_what_does_not_fit_is_said(trained: Trained, unfit: str, fit: str, said: str) -> None:
    """Each with its reason; what fits has none."""
    assert said in str(trained.why_unfit(unfit))
    assert trained.why_unfit(fit) is None


@given(TRAINED, NAMES)
def test_what_is_suited_fits(trained: Trained, name: str) -> None:
    """The pipeline's own scheduler always does."""
    assert (name in trained.suited) is (trained.why_unfit(name) is None)
    assert trained.suited[0] == "default"


def test_of_an_unknown_model_nothing_is_refused() -> None:
    """A worker knows better."""
    assert Trained().suited == list(SCHEDULERS)
