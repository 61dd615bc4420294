"""Where a pipeline is loaded from: at its own path, from this machine's cache, from the store."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from farm.client.upload import upload_models
from farm.errors import ModelError, StoreError
from farm.files import DiskFiles, StoredFiles
from farm.ledger.values import Signal
from farm.manifest.model import load as read
from farm.manifest.task import PipelineKey
from farm.models import builtin_path
from farm.plan.plan import make_plan
from farm.store import keys
from farm.store.memory import MemoryStore
from farm.weights import fingerprint
from workers import locate
from workers.device import Device
from workers.download import patiently
from workers.lease import StoppedError
from workers.locate import Models, at_its_path, here
from workers.pipeline import load
from workers.shelf import Shelf


@pytest.fixture
def models(store: MemoryStore, shelf: Shelf) -> Models:
    """Finds models, and does not sleep."""
    return Models(store, shelf, sleep=lambda _: None)


@pytest.fixture
def folder(sd15_folder: Path, tmp_path: Path) -> Path:
    """A model's folder that a test may lose."""
    return Path(shutil.copytree(sd15_folder, tmp_path / "submitter" / "mine"))


@pytest.fixture
def uploaded(folder: Path, store: MemoryStore) -> PipelineKey:
    """A model that was uploaded, and is not at its path any more."""
    plan = make_plan(read({"name": "m", "render": {"model": str(folder), "prompt": "a cat", "steps": 2}}))
    upload_models(plan, store=store)
    shutil.rmtree(folder)
    return plan.groups[0].pipeline


def test_a_folder_at_its_path_is_taken_from_there(folder: Path, models: Models) -> None:
    """With the files that the job was planned with, or of a plan that does not say."""
    key = PipelineKey(str(folder), revision=fingerprint(DiskFiles(folder)))
    for each in (key, PipelineKey(str(folder))):
        with models.at(each) as source, here(each) as plain:
            assert source == plain == str(folder)
    assert not models.shelf.folder.exists()


def test_built_in_models_lie_in_the_package(models: Models) -> None:
    """`builtin:shapes` needs no download; an id of the Hub is left to its client."""
    with models.at(PipelineKey("builtin:shapes")) as source:
        assert (Path(source) / "model_index.json").is_file()
    assert at_its_path(PipelineKey("org/model", revision="main")) == "org/model"


def test_a_built_in_model_of_another_release_is_refused(models: Models) -> None:
    """It is not looked for elsewhere."""
    with (
        pytest.raises(ModelError, match="builtin:shapes on this worker is not the one"),
        models.at(PipelineKey("builtin:shapes", revision="0" * 40)),
    ):
        pass


def test_a_folder_that_cannot_be_read_is_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A share that went away while it was read."""

    def stumble(_files: Any) -> str:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(locate, "fingerprint", stumble)
    with pytest.raises(ModelError, match=r"cannot be read on this worker: Input/output error\."):
        at_its_path(PipelineKey(str(folder), revision="0"))


def test_what_was_uploaded_is_loaded_from_the_cache(uploaded: PipelineKey, models: Models, device: Device) -> None:
    """It renders as it would from its own folder; the second time the store is not asked."""
    first = load(uploaded, device, models.at)
    assert type(first.pipe).__name__ == "StableDiffusionPipeline"
    models.store.objects.clear()  # type: ignore[attr-defined]  # it is in memory
    assert load(uploaded, device, models.at).hash == first.hash
    assert [path.name for path in models.shelf.folder.glob("mine-*")] == [f"mine-{uploaded.revision}"]


def test_another_folder_at_the_same_path_is_not_taken(uploaded: PipelineKey, models: Models) -> None:
    """The upload is."""
    shutil.copytree(builtin_path("shapes"), uploaded.model)
    with models.at(uploaded) as source:
        assert source.startswith(str(models.shelf.folder))


def test_what_was_never_uploaded_is_one_sentence(folder: Path, models: Models) -> None:
    """With what can be done."""
    key = PipelineKey(str(folder), revision="0" * 40)
    with pytest.raises(ModelError, match=r"is not the one .* with FARM_UPLOAD_MODELS=1\."), models.at(key):
        pass
    shutil.rmtree(folder)
    with pytest.raises(ModelError, match=r"is not on this worker: put .* with FARM_UPLOAD_MODELS=1\."), models.at(key):
        pass
    with pytest.raises(ModelError, match=r"at the same path on every worker\."), models.at(PipelineKey(str(folder))):
        pass


def test_an_upload_that_was_damaged_is_one_sentence(uploaded: PipelineKey, models: Models, store: MemoryStore) -> None:
    """Not what its list says: nothing of it is loaded, and the user reads how to mend it."""
    (key,) = (key for key in store.list("models/") if key.endswith("vae/config.json"))
    store.put(key, bytes(len(store.get(key))))
    said = rf"in the store is damaged \(vae/config\.json is not .*\): delete models/mine-{uploaded.revision}/ there"
    with pytest.raises(ModelError, match=said), models.at(uploaded):
        pass
    listed = keys.inventory("mine", str(uploaded.revision), None)
    store.put(listed, store.get(listed).replace(b"vae/config.json", b"../../config.json"))
    with pytest.raises(ModelError, match="names what is no file of a model"), models.at(uploaded):
        pass
    assert not (models.shelf.folder.parent / "config.json").exists()


def test_a_store_that_is_away_gives_the_range_back(
    uploaded: PipelineKey, models: Models, store: MemoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is waited for a while; then the model is not to blame, nor the task."""
    heard = list[str]()

    def away(_key: str) -> bytes:
        raise StoreError("The store is away.")

    def hear(trouble: str = "") -> None:
        heard.append(trouble)

    monkeypatch.setattr(store, "get", away)
    with pytest.raises(StoppedError) as caught, models.at(uploaded, hear):
        pass
    assert caught.value.signal is Signal.DRAIN
    assert set(heard) == {"The store is away."}


def test_a_model_in_a_bucket_is_loaded_from_the_cache(models: Models, store: MemoryStore, device: Device) -> None:
    """Fetched with the farm's own keys."""
    bucket = store.beside("models", "a/shapes")
    for path in builtin_path("shapes").rglob("*.*"):
        if path.is_file():
            bucket.put(path.relative_to(builtin_path("shapes")).as_posix(), path.read_bytes())
    key = PipelineKey("s3://models/a/shapes", revision=fingerprint(StoredFiles(bucket)))
    assert load(key, device, models.at).name == "shapes"
    assert [path.name for path in models.shelf.folder.glob("shapes-*")] == [f"shapes-{key.revision}"]


def test_who_waits_may_leave(uploaded: PipelineKey, models: Models) -> None:
    """A cancelled job fetches nothing more, and what it holds is released."""

    def leave(trouble: str = "") -> None:
        assert not trouble
        raise StoppedError(Signal.CANCEL)

    with pytest.raises(StoppedError), models.at(uploaded, leave):
        pass
    with models.at(uploaded, patiently) as source:
        assert Path(source).is_dir()
