import diffusers
import pytest

from farm.errors import RenderError
from farm.steps.schedulers import SCHEDULERS
from workers.pipeline import silenced
from workers.schedule import is_flow, make_scheduler

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
    ("base", "name", "words"), [(FLOW, "ddim", "does not fit m"), (EULER, "flow-euler", "m is none")]
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


def test_a_solver_set_to_flow_is_a_flow_scheduler() -> None:
    """By its class, or by what it predicts."""
    solver = diffusers.DPMSolverMultistepScheduler(prediction_type="flow_prediction", use_flow_sigmas=True)
    assert is_flow(FLOW)
    assert is_flow(solver)
    assert not is_flow(EULER)
