import diffusers
import pytest

from workers.origin import default_guidance, origin_of, sampler_name
from workers.pipeline import Loaded


def test_a_named_scheduler_has_the_name_others_read() -> None:
    """Whatever the pipeline came with."""
    assert sampler_name(diffusers.DDIMScheduler(), "dpm++2m-karras") == "DPM++ 2M Karras"


@pytest.mark.parametrize(
    ("own", "name"),
    [
        (diffusers.DPMSolverMultistepScheduler(), "DPM++ 2M"),
        (diffusers.DPMSolverMultistepScheduler(use_karras_sigmas=True), "DPM++ 2M Karras"),
        (diffusers.FlowMatchEulerDiscreteScheduler(), "Euler"),
        (diffusers.DEISMultistepScheduler(), "DEISMultistep"),
    ],
)
def test_default_is_what_the_pipeline_came_with(own: object, name: str) -> None:
    """By its class and its settings; by its class alone where the farm has no name for it."""
    assert sampler_name(own, "default") == name


def test_the_guidance_a_pipeline_uses_by_itself_is_known(sd15: Loaded) -> None:
    """It stands in the pipeline's signature; some have none."""
    assert default_guidance(sd15.pipe) == 7.5
    assert default_guidance(lambda prompt: prompt) is None


def test_the_origin_of_a_batch(sd15: Loaded, make_task: object) -> None:
    """Job, sampler, guidance, model and hash."""
    found = origin_of("job", sd15, make_task(sd15.key))  # type: ignore[operator]  # a fixture that makes tasks
    assert (found.job, found.sampler, found.guidance_scale, found.model) == ("job", "Euler", 7.5, sd15.name)
    assert found.model_hash == sd15.hash
