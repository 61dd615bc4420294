import inspect
import re

import diffusers
import pytest

from farm.errors import RenderError
from farm.steps.schedulers import SCHEDULERS
from workers.pipeline import silenced
from workers.schedule import make_scheduler

EULER = diffusers.EulerDiscreteScheduler(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear")
FLOW = diffusers.FlowMatchEulerDiscreteScheduler(shift=3.0)


@pytest.mark.parametrize("name", [name for name, entry in SCHEDULERS.items() if not entry.flow])
def test_every_scheduler_of_the_table_can_be_made(name: str) -> None:
    """Each is a fresh object that keeps the noise schedule the model was trained with."""
    made = make_scheduler(EULER, name, timestep_spacing=None, model="m")
    assert made is not EULER
    assert made.config.beta_start == 0.00085
    entry = SCHEDULERS[name]
    assert type(made).__name__ == (entry.class_name or "EulerDiscreteScheduler")
    assert {key: made.config[key] for key in entry.overrides} == dict(entry.overrides)
    with silenced():
        made.set_timesteps(4)


@pytest.mark.parametrize("name", ["default", "flow-euler", "flow-heun"])
def test_flow_schedulers_fit_flow_models(name: str) -> None:
    """And keep the model's own shift."""
    assert make_scheduler(FLOW, name, timestep_spacing=None, model="m").config.shift == 3.0


@pytest.mark.parametrize(
    ("base", "name", "words"),
    [(FLOW, "ddim", "m, which is a flow-matching"), (EULER, "flow-euler", "m, which is no flow-matching")],
)
def test_what_does_not_fit_is_refused(base: object, name: str, words: str) -> None:
    """The sentence names scheduler and model, and says what to use."""
    with pytest.raises(RenderError, match=f"{words}.*use scheduler default"):
        make_scheduler(base, name, timestep_spacing=None, model="m")


@pytest.mark.parametrize("name", ["default", "dpm++2m"])
def test_the_spacing_of_timesteps_is_part_of_the_choice(name: str) -> None:
    """Also for what the pipeline came with."""
    assert make_scheduler(EULER, name, timestep_spacing="trailing", model="m").config.timestep_spacing == "trailing"
    assert make_scheduler(EULER, name, timestep_spacing=None, model="m").config.timestep_spacing == "linspace"


@pytest.mark.parametrize("name", ["ddim", "ddpm", "lcm"])
def test_latents_are_never_clipped_as_if_they_were_pixels(name: str) -> None:
    """Schedulers that clip by default are told not to, whatever the pipeline's own says of it."""
    assert not make_scheduler(EULER, name, timestep_spacing=None, model="m").config.clip_sample


def test_the_pipelines_own_scheduler_is_left_alone() -> None:
    """It keeps no state from a call."""
    with silenced():
        make_scheduler(EULER, "default", timestep_spacing="trailing", model="m").set_timesteps(3)
    assert EULER.config.timestep_spacing == "linspace"
    assert EULER.num_inference_steps is None


#: Trained to predict velocity, down to a signal-to-noise ratio of zero.
VELOCITY = diffusers.DDIMScheduler(
    prediction_type="v_prediction", rescale_betas_zero_snr=True, timestep_spacing="trailing", clip_sample=False
)
#: Set to flow, as Sana's is.
SOLVER = diffusers.DPMSolverMultistepScheduler(prediction_type="flow_prediction", use_flow_sigmas=True, flow_shift=3.0)


def keeps_zero(name: str) -> bool:
    """Whether diffusers can set a scheduler's class to end at a signal-to-noise ratio of zero."""
    kind = getattr(diffusers, SCHEDULERS[name].class_name or "DDIMScheduler")
    return "rescale_betas_zero_snr" in inspect.signature(kind.__init__).parameters


@pytest.mark.parametrize("name", [name for name, entry in SCHEDULERS.items() if not entry.flow])
def test_velocity_stays_velocity(name: str) -> None:
    """And zero stays zero: a scheduler that cannot be set so is refused."""
    if not keeps_zero(name):
        with pytest.raises(RenderError, match=f"Scheduler {re.escape(name)} does not fit m, .* signal-to-noise ratio"):
            make_scheduler(VELOCITY, name, timestep_spacing=None, model="m")
        return
    made = make_scheduler(VELOCITY, name, timestep_spacing=None, model="m")
    assert made.config.prediction_type == "v_prediction"
    assert made.config.timestep_spacing == "trailing"
    assert made.alphas_cumprod[-1] < 1e-6


@pytest.mark.parametrize("name", ["heun", "dpm2", "pndm", "dpm++sde"])
def test_velocity_alone_suits_every_scheduler(name: str) -> None:
    """As SD 2.1 was trained, whose noise ends above zero."""
    base = diffusers.EulerDiscreteScheduler(prediction_type="v_prediction")
    assert make_scheduler(base, name, timestep_spacing=None, model="m").config.prediction_type == "v_prediction"


@pytest.mark.parametrize("name", ["flow-euler", "flow-heun"])
def test_a_solvers_shift_is_kept_under_its_other_name(name: str) -> None:
    """Solvers call it flow_shift."""
    assert make_scheduler(SOLVER, name, timestep_spacing=None, model="m").config.shift == 3.0
    own = make_scheduler(SOLVER, "default", timestep_spacing=None, model="m")
    assert (own.config.flow_shift, own.config.use_flow_sigmas) == (3.0, True)


def test_a_preconditioned_model_keeps_its_own_scheduler() -> None:
    """No other scales what the model sees as it was trained."""
    base = diffusers.EDMEulerScheduler()
    assert type(make_scheduler(base, "default", timestep_spacing=None, model="m")) is type(base)
    with pytest.raises(RenderError, match="its own scheduler"):
        make_scheduler(base, "euler", timestep_spacing=None, model="m")


def test_a_pipeline_with_a_schedule_of_its_own_is_named() -> None:
    """It hands the scheduler sigmas, which this one does not take."""
    with pytest.raises(RenderError, match=r"whose pipeline \(FluxPipeline\) brings its own schedule"):
        make_scheduler(FLOW, "flow-heun", timestep_spacing=None, model="m", class_name="FluxPipeline")
    make_scheduler(FLOW, "flow-heun", timestep_spacing=None, model="m", class_name="StableDiffusion3Pipeline")


def test_a_flow_has_no_spacing_of_timesteps() -> None:
    """What would be ignored is refused."""
    with pytest.raises(RenderError, match=r"timestep_spacing has no meaning for m"):
        make_scheduler(FLOW, "default", timestep_spacing="trailing", model="m")
