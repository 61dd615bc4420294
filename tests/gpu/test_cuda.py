"""The worker's GPU rooms on a real CUDA device; passed over where there is none."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch

from farm.manifest.task import PipelineKey, RenderTask
from farm.profile.seconds import Kind
from tests.shapes import SHAPES, TWO_PASSES, save
from workers.batch import Batcher
from workers.device import Device, find_device
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
    cpu = Device(name="cpu", gpu="CPU", vram_gb=None, memory=2**30)
    loaded = load(PipelineKey("builtin:shapes", dtype="float32"), cpu)
    task = RenderTask(
        index=0, pipeline=loaded.key, prompt="a large red circle on a blue background", negative_prompt="", seed=0,
        steps=8, scheduler="default", timestep_spacing=None, guidance_scale=None, width=64, height=64,
    )  # fmt: skip
    on_cpu = render(loaded, [task], start=0, on_step=lambda _step: None).pixels[0].astype(int)
    assert abs(on_gpu - on_cpu).mean() < 4


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
@pytest.mark.parametrize("name", SHAPES)
def test_every_shape_of_model_renders(tmp_path: Path, name: str, dtype: str) -> None:
    """In both half formats: sound pictures, every pass counted, and the same picture alone as in company."""
    quiet()
    loaded = load(PipelineKey(str(save(name, tmp_path)), dtype=dtype), find_device())
    tasks = [
        RenderTask(
            index=seed, pipeline=loaded.key, prompt=prompt, negative_prompt="", seed=seed, steps=4,
            scheduler="default", timestep_spacing=None, guidance_scale=None, width=64, height=32,
        )
        for seed, prompt in enumerate(["a cat", "a small dog that runs over the hills", "a cat"])
    ]  # fmt: skip
    made = [
        each for each in Batcher().run(loaded, tasks, start=0, on_step=lambda _: None) if isinstance(each, Rendered)
    ]
    assert [fault for each in made for fault in each.faults] == [None] * 3
    passes = 2 if name in TWO_PASSES else 1
    assert {(each.record.effective_steps, each.record.denoiser_calls) for each in made} == {(4, 4 * passes)}
    together = np.concatenate([each.pixels for each in made]).astype(int)
    alone = render(loaded, tasks[:1], start=0, on_step=lambda _: None).pixels[0].astype(int)
    assert abs(together[0] - alone).mean() < 8
