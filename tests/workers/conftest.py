"""Pipelines and values that worker tests share."""

import runpy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from farm.manifest.task import PipelineKey, RenderTask
from workers.device import Device
from workers.pipeline import Loaded, load, quiet

quiet()
torch.set_num_threads(1)  # tiny models; the machine is shared
#: The builders that live tests use too; test folders are not packages.
BUILDERS: dict[str, Any] = runpy.run_path(str(Path(__file__).parents[1] / "pipelines.py"))
MakeTask = Callable[..., RenderTask]


@pytest.fixture(scope="session")
def sd15_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny pipeline of the shape of Stable Diffusion 1.5."""
    folder: Path = BUILDERS["save_sd15"](tmp_path_factory.mktemp("sd15"))
    return folder


@pytest.fixture(scope="session")
def flux_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny pipeline of the shape of FLUX."""
    folder: Path = BUILDERS["save_flux"](tmp_path_factory.mktemp("flux"))
    return folder


@pytest.fixture(scope="session")
def device() -> Device:
    """The processor."""
    return Device(name="cpu", gpu="Test CPU", vram_gb=None, memory=2**30)


@pytest.fixture
def sd15(sd15_folder: Path, device: Device) -> Loaded:
    """The tiny Stable Diffusion, loaded."""
    return load(PipelineKey(str(sd15_folder)), device)


@pytest.fixture
def flux(flux_folder: Path, device: Device) -> Loaded:
    """The tiny FLUX, loaded."""
    return load(PipelineKey(str(flux_folder)), device)


@pytest.fixture
def make_task() -> MakeTask:
    """Makes tasks of few and small steps."""

    def make(key: PipelineKey | None = None, **fields: object) -> RenderTask:
        given: dict[str, object] = {
            "index": 0,
            "pipeline": key or PipelineKey("model"),
            "prompt": "a cat",
            "negative_prompt": "",
            "seed": 1,
            "steps": 3,
            "scheduler": "default",
            "timestep_spacing": None,
            "guidance_scale": None,
            "width": 64,
            "height": 64,
        }
        return RenderTask(**{**given, **fields})  # type: ignore[arg-type]  # checked by the dataclass's users

    return make
