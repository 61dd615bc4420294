"""Any text-to-image pipeline renders: models of other shapes than the built-in one, through a whole farm."""

import io
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from farm import Farm, JobState
from farm.errors import ManifestError
from farm.profile.record import Record
from farm.store import keys
from tests.shapes import ROUNDING, make, save
from tests.shapes.parts import SIZE
from tests.shapes.plain import draw

Folders = Callable[[str], Path]
#: Shapes that go through the whole farm here; a worker needs a second to turn to another model, and the others are
#: rendered in its rooms alone.
MODELS = ("sdxl", "sd3", "pixart", "sana", "zimage", "flux", "sd-v", "lcm")
#: Every scheduler the farm promises for models that are not flow-matching ones.
SCHEDULERS = ["default", "euler", "euler-a", "ddim", "dpm++2m", "dpm++2m-karras", "dpm++2m-sde", "unipc", "lcm", "heun"]


@pytest.fixture(scope="module")
def client(lasting_farm: Any) -> Farm:
    """The module's farm."""
    return Farm.connect(lasting_farm.settings)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Folders:
    """Folders of tiny pipelines, by the name of their shape."""
    root = tmp_path_factory.mktemp("models")
    return cache(lambda name: save(name, root))


def finish(client: Farm, manifest: dict[str, Any], running: Any) -> list[Record]:
    """Render a job to its end; its records."""
    job = client.submit(manifest).job
    status = client.wait(job, timeout=150)
    assert status.state is JobState.DONE, f"{status}\n{running.log('worker-1')}"
    assert status.images.done == status.images.total
    store = running.store
    assert len(list(store.list(keys.images(job)))) == status.images.total
    return [Record.model_validate_json(store.get(key)) for key in store.list(keys.records(job))]


def test_stable_diffusion_renders_with_every_scheduler(client: Farm, lasting_farm: Any, folders: Folders) -> None:
    """CLIP, UNet and VAE of the shape of SD 1.5; one job sweeps the samplers, on an oblong."""
    render = {
        "model": str(folders("sd15")),
        "prompt": ["a cat", "a dog"],
        "negative_prompt": "blurry",
        "seed": [1, 2],
        "steps": 4,
        "scheduler": SCHEDULERS,
        "guidance_scale": 6,
        "size": "64x32",
    }
    records = finish(client, {"name": "sd15", "render": render}, lasting_farm)
    batches = [batch for record in records for batch in record.batches]
    assert {batch.scheduler for batch in batches} == set(SCHEDULERS)
    assert {batch.effective_steps for batch in batches} == {4}
    assert {batch.denoiser_calls for batch in batches if batch.scheduler == "heun"} == {7}


def test_models_of_any_shape_render_as_diffusers_does(client: Farm, lasting_farm: Any, folders: Folders) -> None:
    """One job over eight models, each at its own guidance: every pass counted, every picture diffusers' own."""
    render = {
        "model": [str(folders(name)) for name in MODELS],
        "prompt": ["a cat", "a small dog that runs over the hills"],
        "seed": 7,
        "steps": [2, 4],
        "size": f"{SIZE}x{SIZE}",
        "combine": "model * prompt * steps",
    }
    records = finish(client, {"name": "shapes", "render": render}, lasting_farm)
    images = {image.position: image for record in records for image in record.images}
    counted: dict[str, set[tuple[int, int, int]]] = {name: set() for name in MODELS}
    for batch in (batch for record in records for batch in record.batches):
        name = MODELS[images[batch.start].index // 4]
        counted[name].add((batch.steps, batch.effective_steps, batch.denoiser_calls))
    assert counted == {name: {(2, 2, 2), (4, 4, 4)} for name in MODELS}
    first = {image.index: image for image in images.values()}
    for number, name in enumerate(MODELS):
        data = lasting_farm.store.get(keys.image(records[0].job, first[4 * number].name))
        picture = np.asarray(Image.open(io.BytesIO(data))).astype(int)
        expected = draw(make(name), prompt="a cat", seed=7, steps=2, width=SIZE, height=SIZE)
        assert np.abs(picture - expected).max() <= ROUNDING, name
        assert picture.std() > 1


def test_a_scheduler_that_does_not_fit_is_refused_before_anything_is_rendered(client: Farm, folders: Folders) -> None:
    """The model is local: the plan can tell."""
    render = {"model": str(folders("flux")), "prompt": "a cat", "scheduler": "ddim", "size": "64x64"}
    with pytest.raises(ManifestError, match="flow"):
        client.submit({"name": "misfit", "render": render})


def test_pictures_that_cannot_be_made_fail_with_their_sentence(client: Farm, lasting_farm: Any, tmp_path: Path) -> None:
    """A VAE that answers nothing but grey: every task is tried, and given up with what is wrong with it."""
    pipe = make("sd15")
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
