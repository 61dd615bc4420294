"""The worker's GPU rooms on a real CUDA device; passed over where there is none."""

from itertools import pairwise

import pytest
import torch

from farm.manifest.task import PipelineKey, RenderTask
from farm.profile.seconds import Kind
from workers.device import find_device
from workers.pipeline import load, quiet
from workers.render import Rendered, render

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")


def rendered(count: int, *, dtype: str = "auto") -> Rendered:
    """A batch of the built-in model."""
    quiet()
    loaded = load(PipelineKey("builtin:shapes", dtype=dtype), find_device())
    tasks = [
        RenderTask(
            index=seed, pipeline=loaded.key, prompt="a large red circle on a blue background", negative_prompt="",
            seed=seed, steps=8, scheduler="default", timestep_spacing=None, guidance_scale=None, width=64, height=64,
        )
        for seed in range(count)
    ]  # fmt: skip
    render(loaded, tasks, start=0, on_step=lambda _step: None)
    return render(loaded, tasks, start=0, on_step=lambda _step: None)


def test_events_time_a_batch() -> None:
    """Phases follow each other, and eight steps are most of it."""
    made = rendered(4)
    assert made.faults == [None] * 4
    assert made.record.dtype in ("bfloat16", "float16")
    assert len(made.record.step_s) == 8
    assert all(earlier.stop == later.start for earlier, later in pairwise(made.phases))
    assert {phase.kind for phase in made.phases} == {Kind.ENCODE_PROMPT, Kind.DENOISE, Kind.DECODE, Kind.POST}
    assert sum(made.record.step_s) <= made.record.denoise_s * 1.01


def test_a_seed_makes_the_same_noise_as_on_a_processor() -> None:
    """The generator is the processor's: the same picture in float32, but for rounding."""
    on_gpu = rendered(1, dtype="float32").pixels[0].astype(int)
    quiet()
    from workers.device import Device

    cpu = Device(name="cpu", gpu="CPU", vram_gb=None, memory=2**30)
    loaded = load(PipelineKey("builtin:shapes", dtype="float32"), cpu)
    task = RenderTask(
        index=0, pipeline=loaded.key, prompt="a large red circle on a blue background", negative_prompt="", seed=0,
        steps=8, scheduler="default", timestep_spacing=None, guidance_scale=None, width=64, height=64,
    )  # fmt: skip
    on_cpu = render(loaded, [task], start=0, on_step=lambda _step: None).pixels[0].astype(int)
    assert abs(on_gpu - on_cpu).mean() < 4
