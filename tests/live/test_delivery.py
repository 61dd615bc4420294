"""Models reach a worker that does not share the submitter's disk: uploaded folders, buckets, the Hub."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from farm import Farm, JobState
from farm.client.submit import read_plan, submit
from farm.client.upload import upload_models
from farm.models import builtin_path
from tests.fake_hub import COMMIT, FakeHub
from tests.shapes import save


@pytest.fixture
def client(lasting_farm: Any) -> Iterator[Farm]:
    """The farm, told that its workers are elsewhere."""
    with Farm.connect(lasting_farm.settings.model_copy(update={"upload_models": True})) as farm:
        yield farm


def manifest(name: str, model: object, **render: Any) -> dict[str, Any]:
    """Two small pictures."""
    return {"name": name, "render": {"model": str(model), "prompt": "a cat", "seed": [1, 2], "steps": 2, **render}}


def vanishing(client: Farm, folder: Path, job: dict[str, Any]) -> tuple[str, int]:
    """Submit a job whose folder is gone when the worker hears of it; the job and the bytes that travelled."""
    plan = client.plan(job)
    sent = upload_models(plan, store=client.connection.store)
    away = shutil.move(folder, folder.with_name("away"))
    submitted = submit(plan, [b"{}"], store=client.connection.store, ledger=client.connection.ledger)
    assert client.wait(submitted.job, timeout=120).state is JobState.DONE
    shutil.move(away, folder)
    return submitted.job, sent


def fetched(running: Any) -> list[str]:
    """The models that the worker has fetched, in order."""
    lines = running.log("worker-1").splitlines()
    return [line.partition(" Fetching ")[2] for line in lines if " Fetching " in line]


def test_a_folder_reaches_a_worker_that_cannot_see_it(client: Farm, lasting_farm: Any, tmp_path: Path) -> None:
    """Uploaded once, fetched once; another model takes its place in a cache with room for one."""
    mugs, cups = tmp_path / "mugs", save("sd15", tmp_path)
    shutil.copytree(builtin_path("shapes"), mugs)
    before = len(fetched(lasting_farm))
    job, sent = vanishing(client, mugs, manifest("first", mugs))
    assert sent > 1_000_000
    assert client.verify(job).ok
    assert client.report(job).ledger.load_s > 0
    _, again = vanishing(client, mugs, manifest("second", mugs, seed=[3, 4]))
    _, other = vanishing(client, cups, manifest("third", cups, size="64x64"))
    assert again == 0
    assert other > 0
    assert fetched(lasting_farm)[before:] == [str(mugs), str(cups)]
    kept = [path.name for path in (lasting_farm.home.path.parent / "models").iterdir() if path.name[0] != "."]
    assert [name.partition("-")[0] for name in kept] == ["sd15"]


def test_a_model_in_another_bucket(client: Farm, lasting_farm: Any, tmp_path: Path) -> None:
    """Read with the farm's own keys, by the submitter and by the worker."""
    folder = save("sd15", tmp_path)
    store = lasting_farm.store
    store._client.create_bucket(Bucket="models")
    place = store.beside("models", "tiny/sd15")
    for path in folder.rglob("*.*"):
        place.put(path.relative_to(folder).as_posix(), path.read_bytes())
    job = client.submit(manifest("bucket", "s3://models/tiny/sd15", size="64x64")).job
    assert client.wait(job, timeout=120).state is JobState.DONE, lasting_farm.log("worker-1")
    assert fetched(lasting_farm)[-1] == "s3://models/tiny/sd15"


def test_a_model_of_the_hub(
    client: Farm, lasting_farm: Any, hub: FakeHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pinned at submit to the commit that the Hub names; fetched by the worker from the address it was given."""
    for name in ("HF_HUB_OFFLINE", "HF_HOME"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    monkeypatch.setenv("HF_ENDPOINT", hub.endpoint)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    job = client.submit(manifest("hub", "org/shapes", size="64x64")).job
    assert client.wait(job, timeout=120).state is JobState.DONE, lasting_farm.log("worker-1")
    assert read_plan(client.connection.store, job).groups[0].pipeline.revision == COMMIT
    assert any(path.endswith("unet/diffusion_pytorch_model.safetensors") for path in hub.fetched)
