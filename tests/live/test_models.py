"""Any text-to-image pipeline renders: models of other shapes than the built-in one, through a whole farm."""

import runpy
from pathlib import Path
from typing import Any

import pytest

from farm import Farm, JobState
from farm.errors import ManifestError
from farm.profile.record import Record
from farm.store import keys

BUILDERS: dict[str, Any] = runpy.run_path(str(Path(__file__).parents[1] / "pipelines.py"))
#: Every scheduler the farm promises for models that are not flow-matching ones.
SCHEDULERS = ["default", "euler", "euler-a", "ddim", "dpm++2m", "dpm++2m-karras", "dpm++2m-sde", "unipc", "lcm", "heun"]


@pytest.fixture(scope="module")
def client(lasting_farm: Any) -> Farm:
    """The module's farm."""
    return Farm.connect(lasting_farm.settings)


def finish(client: Farm, manifest: dict[str, Any], running: Any) -> list[Record]:
    """Render a job to its end; its records."""
    job = client.submit(manifest).job
    status = client.wait(job, timeout=150)
    assert status.state is JobState.DONE, f"{status}\n{running.log('worker-1')}"
    assert status.images.done == status.images.total
    store = running.store
    assert len(list(store.list(keys.images(job)))) == status.images.total
    return [Record.model_validate_json(store.get(key)) for key in store.list(keys.records(job))]


def test_stable_diffusion_renders_with_every_scheduler(client: Farm, lasting_farm: Any, tmp_path: Path) -> None:
    """CLIP, UNet and VAE of the shape of SD 1.5; one job sweeps the samplers."""
    folder = BUILDERS["save_sd15"](tmp_path / "sd15")
    render = {
        "model": str(folder),
        "prompt": ["a cat", "a dog"],
        "negative_prompt": "blurry",
        "seed": [1, 2],
        "steps": 4,
        "scheduler": SCHEDULERS,
        "guidance_scale": 6,
        "size": "64x64",
    }
    records = finish(client, {"name": "sd15", "render": render}, lasting_farm)
    batches = [batch for record in records for batch in record.batches]
    assert {batch.scheduler for batch in batches} == set(SCHEDULERS)
    assert {batch.effective_steps for batch in batches} == {4}
    assert {batch.denoiser_calls for batch in batches if batch.scheduler == "heun"} == {7}


def test_flux_renders(client: Farm, lasting_farm: Any, tmp_path: Path) -> None:
    """Two text encoders, a transformer, flow matching: nothing of it is known to the worker."""
    folder = BUILDERS["save_flux"](tmp_path / "flux")
    render = {
        "model": str(folder),
        "prompt": ["a cat", "a dog", "a house"],
        "seed": 7,
        "steps": [2, 4],
        "guidance_scale": 3.5,
        "size": "64x32",
    }
    records = finish(client, {"name": "flux", "render": render}, lasting_farm)
    images = [image for record in records for image in record.images]
    assert {(image.width, image.height) for image in images} == {(64, 32)}
    assert {batch.effective_steps for record in records for batch in record.batches} == {2, 4}


def test_a_scheduler_that_does_not_fit_is_refused_before_anything_is_rendered(client: Farm, tmp_path: Path) -> None:
    """The model is local: the plan can tell."""
    folder = BUILDERS["save_flux"](tmp_path / "flux")
    render = {"model": str(folder), "prompt": "a cat", "scheduler": "ddim", "size": "64x64"}
    with pytest.raises(ManifestError, match="flow"):
        client.submit({"name": "misfit", "render": render})


def test_pictures_that_cannot_be_made_fail_with_their_sentence(client: Farm, lasting_farm: Any, tmp_path: Path) -> None:
    """A VAE that answers nothing but grey: every task is tried, and given up with what is wrong with it."""
    pipe = BUILDERS["make_sd15"]()
    for parameter in pipe.vae.decoder.conv_out.parameters():
        parameter.data.zero_()
    pipe.save_pretrained(tmp_path / "grey", safe_serialization=True)
    render = {"model": str(tmp_path / "grey"), "prompt": "a cat", "seed": [1, 2, 3], "steps": 2, "size": "64x64"}
    job = client.submit({"name": "grey", "render": render}).job
    status = client.wait(job, timeout=150)
    assert status.state is JobState.FAILED, lasting_farm.log("worker-1")
    assert (status.images.done, status.images.failed) == (0, 3)
    failures = lasting_farm.ledger.failures(job)
    assert set(failures) == {0, 1, 2}
    assert all("one single colour" in sentence for sentence in failures.values())
