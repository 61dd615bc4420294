from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from farm.errors import RenderError
from farm.manifest.task import PipelineKey, RenderTask
from farm.profile.seconds import Kind
from tests.shapes import make
from tests.shapes.parts import vae
from workers.device import Device
from workers.lease import StoppedError
from workers.pipeline import Loaded, load
from workers.pixels import CONSTANT, NOT_FINITE
from workers.render import render

MakeTask = Callable[..., RenderTask]


def ignore(_step: int) -> None:
    """A step hook that does nothing."""


def test_a_batch_becomes_pictures(sd15: Loaded, make_task: MakeTask) -> None:
    """Every task gets 8-bit pixels of its size and none a fault."""
    tasks = [make_task(sd15.key, prompt=prompt, seed=seed) for seed, prompt in enumerate(["a cat", "a dog", "a cat"])]
    made = render(sd15, tasks, start=4, on_step=ignore)
    assert made.pixels.shape == (3, 64, 64, 3)
    assert made.pixels.dtype == np.uint8
    assert made.faults == [None, None, None]
    assert (made.record.start, made.record.stop, made.record.batch_size) == (4, 7, 3)


def test_a_flow_matching_pipeline_renders_too(flux: Loaded, make_task: MakeTask) -> None:
    """FLUX has another signature, two text encoders and embedded guidance."""
    made = render(flux, [make_task(flux.key, guidance_scale=3.5)], start=0, on_step=ignore)
    assert made.faults == [None]
    assert made.record.effective_steps == 3


def test_the_built_in_model_draws(device: Device, make_task: MakeTask) -> None:
    """`builtin:shapes` is found in the package and renders as any other pipeline."""
    shapes = load(PipelineKey("builtin:shapes"), device)
    made = render(shapes, [make_task(shapes.key, prompt="a large red circle on a blue background")], start=0,
        on_step=ignore)  # fmt: skip
    assert made.faults == [None]


def test_the_same_seed_makes_the_same_picture_in_any_company(sd15: Loaded, make_task: MakeTask) -> None:
    """A picture depends on its own generator, not on its neighbours."""
    alone = render(sd15, [make_task(sd15.key, seed=7)], start=0, on_step=ignore)
    tasks = [make_task(sd15.key, seed=3), make_task(sd15.key, seed=7)]
    together = render(sd15, tasks, start=0, on_step=ignore)
    difference = alone.pixels[0].astype(int) - together.pixels[1].astype(int)
    assert np.abs(difference).max() <= 1


@pytest.mark.parametrize(
    ("scheduler", "calls"),
    [("default", 5), ("euler", 5), ("euler-a", 5), ("ddim", 5), ("dpm++2m", 5), ("dpm++2m-karras", 5),
     ("dpm++2m-sde", 5), ("unipc", 5), ("lcm", 5), ("heun", 9), ("pndm", 6)],
)  # fmt: skip
def test_every_scheduler_runs_every_step(sd15: Loaded, make_task: MakeTask, scheduler: str, calls: int) -> None:
    """Steps are counted as the schedule has them, calls of the denoiser apart."""
    seen: list[int] = []
    made = render(sd15, [make_task(sd15.key, steps=5, scheduler=scheduler)], start=0, on_step=seen.append)
    assert made.record.effective_steps == 5
    assert len(made.record.step_s) == 5
    assert made.record.denoiser_calls == calls
    assert max(seen) in (5, 6)


def test_the_seconds_of_a_call_add_up(sd15: Loaded, make_task: MakeTask) -> None:
    """The phases follow each other without a gap, and the steps lie within denoising."""
    made = render(sd15, [make_task(sd15.key)], start=0, on_step=ignore)
    one = made.record
    whole = made.phases[-1].stop - made.phases[0].start
    assert one.encode_prompt_s + one.denoise_s + one.decode_s + one.post_s == pytest.approx(whole)
    assert all(earlier.stop == later.start for earlier, later in zip(made.phases, made.phases[1:], strict=False))
    assert 0 < sum(one.step_s) <= one.denoise_s * 1.001
    assert one.decode_s > 0
    assert {phase.kind for phase in made.phases} == {Kind.ENCODE_PROMPT, Kind.DENOISE, Kind.DECODE, Kind.POST}


def test_a_stop_ends_the_batch_within_a_step(sd15: Loaded, make_task: MakeTask) -> None:
    """What the step hook raises comes out, and the pipeline is as good as new."""
    from farm.ledger.values import Signal

    def stop(step: int) -> None:
        if step == 2:
            raise StoppedError(Signal.CANCEL)

    own = sd15.pipe.scheduler
    with pytest.raises(StoppedError):
        render(sd15, [make_task(sd15.key, steps=50)], start=0, on_step=stop)
    assert sd15.pipe.scheduler is own
    assert "encode_prompt" not in vars(sd15.pipe)
    assert render(sd15, [make_task(sd15.key)], start=0, on_step=ignore).faults == [None]


def test_an_older_callback_is_used_where_there_is_no_newer_one(sd15: Loaded, make_task: MakeTask) -> None:
    """PixArt and its like call back once per position, Heun or not."""
    seen: list[int] = []
    modern = type(sd15.pipe)

    class Older(modern):  # type: ignore[misc,valid-type]  # a class made of what was loaded
        def __call__(  # noqa: PLR0913, PLR0917 a pipeline's signature
            self, prompt: Any = None, height: Any = None, width: Any = None, num_inference_steps: int = 50,
            generator: Any = None, output_type: str = "pil", callback: Any = None, callback_steps: int = 1,
        ) -> Any:  # fmt: skip
            return super().__call__(
                prompt, height, width, num_inference_steps, generator=generator, output_type=output_type,
                callback=callback, callback_steps=callback_steps,
            )  # fmt: skip

    sd15.pipe.__class__ = Older
    made = render(sd15, [make_task(sd15.key, steps=4, scheduler="heun")], start=0, on_step=seen.append)
    assert made.record.effective_steps == 4
    assert seen == [1, 2, 3, 4]


def test_the_scheduler_is_watched_where_there_is_no_callback(sd15: Loaded, make_task: MakeTask) -> None:
    """A pipeline that never calls back is timed and stopped all the same."""
    seen: list[int] = []
    modern = type(sd15.pipe)

    class Silent(modern):  # type: ignore[misc,valid-type]  # a class made of what was loaded
        def __call__(  # noqa: PLR0913, PLR0917 a pipeline's signature
            self, prompt: Any = None, height: Any = None, width: Any = None, num_inference_steps: int = 50,
            generator: Any = None, output_type: str = "pil",
        ) -> Any:  # fmt: skip
            return super().__call__(
                prompt, height, width, num_inference_steps, generator=generator, output_type=output_type
            )

    sd15.pipe.__class__ = Silent
    made = render(sd15, [make_task(sd15.key, steps=4)], start=0, on_step=seen.append)
    assert made.record.effective_steps == 4
    assert seen == [1, 2, 3, 4]


def test_a_pipeline_that_never_says_what_it_does_ran_the_steps_asked_for(sd15: Loaded, make_task: MakeTask) -> None:
    """It takes a callback and calls it never: what a step cost can be said all the same."""
    modern = type(sd15.pipe)

    class Mute(modern):  # type: ignore[misc,valid-type]  # a class made of what was loaded
        def __call__(
            self, prompt: Any = None, num_inference_steps: int = 50, callback_on_step_end: Any = None, **given: Any
        ) -> Any:
            """The call without its callback."""
            assert callback_on_step_end
            return super().__call__(prompt, num_inference_steps=num_inference_steps, output_type="pt", **given)

    sd15.pipe.__class__ = Mute
    made = render(sd15, [make_task(sd15.key, steps=4)], start=0, on_step=ignore)
    assert (made.record.effective_steps, made.record.step_s) == (4, [])
    assert made.record.denoise_s > 0


def test_a_scheduler_that_does_not_fit_is_named(flux: Loaded, make_task: MakeTask) -> None:
    """A flow-matching model and DDIM: one sentence for the user."""
    with pytest.raises(RenderError, match="ddim does not fit"):
        render(flux, [make_task(flux.key, scheduler="ddim")], start=0, on_step=ignore)


def test_a_picture_of_another_size_is_no_picture(device: Device, make_task: MakeTask) -> None:
    """Lumina 2 takes its VAE for one of factor 8: with another it draws half the edge, and says nothing."""
    pipe = make("lumina2")
    pipe.register_modules(vae=vae(blocks=3))
    pipe.set_progress_bar_config(disable=True)
    loaded = Loaded(key=PipelineKey("m"), pipe=pipe, device=device, dtype="float32", bytes=1)
    with pytest.raises(RenderError, match=r"Lumina2Pipeline drew 32x16 where 64x32 was asked for: change render\.size"):
        render(loaded, [make_task(loaded.key, height=32)], start=0, on_step=ignore)


def test_a_picture_of_nan_is_a_fault_of_its_own(sd15: Loaded, make_task: MakeTask) -> None:
    """Its neighbour is kept."""
    decode = sd15.pipe.vae.decode

    def poisoned(latents: torch.Tensor, *args: Any, **kwargs: Any) -> Any:
        (sample,) = decode(latents, *args, **kwargs)
        sample[0] = float("nan")
        return (sample,)

    sd15.pipe.vae.decode = poisoned
    made = render(sd15, [make_task(sd15.key), make_task(sd15.key, seed=2)], start=0, on_step=ignore)
    assert made.faults == [NOT_FINITE, None]


def test_a_constant_picture_is_a_fault(sd15: Loaded, make_task: MakeTask) -> None:
    """A broken VAE is not sold as a picture."""
    decode = sd15.pipe.vae.decode
    sd15.pipe.vae.decode = lambda *args, **kwargs: (decode(*args, **kwargs)[0] * 0,)
    made = render(sd15, [make_task(sd15.key)], start=0, on_step=ignore)
    assert made.faults == [CONSTANT]


def test_a_vae_that_overflows_is_tried_in_float32(sd15_folder: Any, device: Device, make_task: MakeTask) -> None:
    """The picture that comes out is the float32 one, and the VAE is in its own format again."""
    loaded = load(PipelineKey(str(sd15_folder), dtype="bfloat16"), device)
    vae, decode = loaded.pipe.vae, loaded.pipe.vae.decode

    def overflowing(latents: torch.Tensor, *args: Any, **kwargs: Any) -> Any:
        (sample,) = decode(latents, *args, **kwargs)
        return (sample if sample.dtype == torch.float32 else sample * float("inf"),)

    vae.decode = overflowing
    made = render(loaded, [make_task(loaded.key)], start=0, on_step=ignore)
    assert made.faults == [None]
    assert vae.dtype == torch.bfloat16


def test_prompts_are_encoded_once(sd15: Loaded, make_task: MakeTask) -> None:
    """Two seeds of one prompt, and the next step count, cost one encoding."""
    tasks = [make_task(sd15.key, seed=seed) for seed in (1, 2)]
    render(sd15, tasks, start=0, on_step=ignore)
    render(sd15, [make_task(sd15.key, steps=2)], start=0, on_step=ignore)
    assert sd15.embeds.misses == 1
