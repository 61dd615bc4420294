"""Memory that runs out and numbers that overflow, in pipelines of every shape."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from farm.manifest.task import PipelineKey, RenderTask
from tests.shapes import SHAPES, make
from workers.batch import Batcher, Failure
from workers.device import Device
from workers.pipeline import Loaded, load
from workers.pixels import NOT_FINITE
from workers.render import Rendered
from workers.replace import replaced

MakeTask = Callable[..., RenderTask]
Load = Callable[[str], Loaded]


@pytest.fixture
def load_half(shape_folder: Callable[[str], Path], device: Device) -> Load:
    """Loads pipelines whose VAE can overflow: in bfloat16, since a processor has no float16."""
    return lambda name: load(PipelineKey(str(shape_folder(name)), dtype="bfloat16"), device)


def outcomes(loaded: Loaded, tasks: Sequence[RenderTask]) -> list[Rendered | Failure]:
    """What becomes of tasks of one batch key."""
    return list(Batcher().run(loaded, tasks, start=0, on_step=lambda _step: None))


def overflow(vae: Any, *, always: bool = False, pixels: int | None = None) -> list[torch.dtype]:
    """Make a VAE answer infinities for the second picture of a batch, unless it decodes in float32; its formats."""
    decode, formats = vae.decode, []

    def overflowing(latents: torch.Tensor, *args: Any, **kwargs: Any) -> Any:
        (sample,) = decode(latents, *args, **kwargs)
        formats.append(latents.dtype)
        if always or sample.dtype != torch.float32:
            sample[1, :, :pixels, :pixels] = float("inf")
        return (sample,)

    vae.decode = overflowing
    return formats


@pytest.mark.parametrize("name", SHAPES)
def test_a_vae_that_overflows_is_tried_in_float32(load_half: Load, make_task: MakeTask, name: str) -> None:
    """The picture that comes out is what it should have been, its neighbour is untouched, and the VAE as before."""
    loaded = load_half(name)
    tasks = [make_task(loaded.key, seed=seed, width=32, height=32) for seed in (1, 2)]
    (sound,) = outcomes(loaded, tasks)
    formats = overflow(loaded.pipe.vae)
    (made,) = outcomes(loaded, tasks)
    assert isinstance(sound, Rendered)
    assert isinstance(made, Rendered)
    assert made.faults == [None, None]
    assert formats == [torch.bfloat16, torch.float32]
    assert loaded.pipe.vae.dtype == torch.bfloat16
    difference = np.abs(made.pixels.astype(int) - sound.pixels.astype(int))
    assert difference[0].max() == 0
    assert difference[1].mean() < 8


@pytest.mark.parametrize("upcast", [True, False])
def test_sdxl_in_float16_survives_its_own_vae(device: Device, make_task: MakeTask, *, upcast: bool) -> None:
    """The usual black frame: by the pipeline's own means where its VAE asks for them, else by the farm's."""
    pipe = make("sdxl").to(torch.float16)
    pipe.set_progress_bar_config(disable=True)
    pipe.vae.register_to_config(force_upcast=upcast)
    loaded = Loaded(key=PipelineKey("sdxl"), pipe=pipe, device=device, dtype="float16", bytes=1)
    formats = overflow(pipe.vae)
    (made,) = outcomes(loaded, [make_task(loaded.key, seed=seed, width=32, height=32) for seed in (1, 2)])
    assert isinstance(made, Rendered)
    assert made.faults == [None, None]
    assert formats == ([torch.float32] if upcast else [torch.float16, torch.float32])
    assert pipe.vae.dtype == torch.float16


@pytest.mark.parametrize("name", ["sdxl", "sana", "zimage"])
@pytest.mark.parametrize("pixels", [1, None])
def test_a_vae_that_overflows_in_float32_too_spoils_one_picture(
    load_half: Load, make_task: MakeTask, name: str, pixels: int | None
) -> None:
    """It is named, if only one of its pixels is bad, and its neighbour kept."""
    loaded = load_half(name)
    overflow(loaded.pipe.vae, always=True, pixels=pixels)
    (made,) = outcomes(loaded, [make_task(loaded.key, seed=seed, width=32, height=32) for seed in (1, 2)])
    assert isinstance(made, Rendered)
    assert made.faults == [None, NOT_FINITE]


@pytest.mark.parametrize("name", ["sd15", "sdxl", "flux", "schnell", "pixart", "zimage"])
def test_a_denoiser_that_overflows_spoils_one_picture(load_half: Load, make_task: MakeTask, name: str) -> None:
    """No VAE mends that."""
    loaded = load_half(name)
    pipe = loaded.pipe
    decode = pipe.vae.decode

    def poisoned(latents: torch.Tensor, *args: Any, **kwargs: Any) -> Any:
        latents[0] = float("nan")
        return decode(latents, *args, **kwargs)

    pipe.vae.decode = poisoned
    (made,) = outcomes(loaded, [make_task(loaded.key, seed=seed, width=32, height=32) for seed in (1, 2)])
    assert isinstance(made, Rendered)
    assert made.faults == [NOT_FINITE, None]


@pytest.mark.parametrize("name", SHAPES)
def test_memory_that_runs_out_halves_the_batch(shape: Load, make_task: MakeTask, name: str) -> None:
    """Where it does while decoding, whatever the pipeline makes of it: every picture is rendered all the same."""
    loaded, sizes = shape(name), []
    vae = loaded.pipe.vae

    def tight(original: Any, latents: torch.Tensor, *args: Any, **kwargs: Any) -> Any:
        sizes.append(len(latents))
        if len(latents) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return original(latents, *args, **kwargs)

    tasks = [make_task(loaded.key, seed=seed, steps=1, width=32, height=32) for seed in range(4)]
    with replaced(vae, "decode", tight):
        made = outcomes(loaded, tasks)
    assert [(each.record.start, each.stop) for each in made if isinstance(each, Rendered)] == [(0, 2), (2, 4)]
    assert sizes == [4, 2, 2]


@pytest.mark.parametrize("name", ["sdxl", "sd3", "pixart", "sana"])
def test_memory_that_runs_out_while_denoising_halves_the_batch(shape: Load, make_task: MakeTask, name: str) -> None:
    """The usual place."""
    loaded, sizes = shape(name), []
    denoiser = getattr(loaded.pipe, "unet", None) or loaded.pipe.transformer

    def tight(_module: Any, args: tuple[torch.Tensor, ...], kwargs: dict[str, Any]) -> None:
        latents = args[0] if args else kwargs["hidden_states"]
        sizes.append(len(latents) // 2)  # with guidance
        if len(latents) > 4:
            raise torch.OutOfMemoryError("CUDA out of memory")

    hook = denoiser.register_forward_pre_hook(tight, with_kwargs=True)
    try:
        made = outcomes(loaded, [make_task(loaded.key, seed=seed, steps=1, width=32, height=32) for seed in range(4)])
    finally:
        hook.remove()
    assert [(each.record.start, each.stop) for each in made if isinstance(each, Rendered)] == [(0, 2), (2, 4)]
    assert sizes == [4, 2, 2]
