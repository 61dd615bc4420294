"""Who has a model: the farm's store as its submitter left it, or a bucket as the job was planned with it."""

from pathlib import Path

import pytest

from farm.errors import DamagedError, ModelError, NoBucketError
from farm.files import StoredFiles
from farm.inventory import File, Inventory
from farm.manifest.task import PipelineKey
from farm.models import builtin_path, stored_name
from farm.store import keys
from farm.store.memory import MemoryStore
from farm.weights import fingerprint
from workers.source import Bucket, Uploaded

MINE = PipelineKey("/models/mine", revision="r")
WHERE = (stored_name(MINE.model), "r")
FILES = (File(path="model_index.json", bytes=2, sha256="a" * 64),)


def uploaded(store: MemoryStore, key: PipelineKey = MINE) -> Uploaded:
    """Of a model that is not on this worker."""
    return Uploaded(key, store, missing="Model /models/mine is not on this worker: put it there.")


def test_what_a_submitter_uploaded(store: MemoryStore) -> None:
    """Its list, and any part of its files."""
    inventory = Inventory(model=MINE.model, revision="r", files=FILES)
    store.put(keys.inventory(*WHERE, None), inventory.to_json())
    store.put(keys.model_file(*WHERE, "model_index.json"), b"{}")
    source = uploaded(store)
    assert source.inventory() == inventory
    assert source.read("model_index.json", 1, 2) == b"}"
    source.check(inventory, Path())


def test_what_was_not_uploaded_is_said_with_both_ways_out(store: MemoryStore) -> None:
    """Put the folder there, or let it travel."""
    with pytest.raises(ModelError, match=r"is not on this worker: put it there, or .* with FARM_UPLOAD_MODELS=1\."):
        uploaded(store).inventory()


@pytest.mark.parametrize("change", [{"revision": "other"}, {"variant": "fp16"}])
def test_the_list_of_another_model_is_refused(store: MemoryStore, change: dict[str, str]) -> None:
    """Somebody copied it there."""
    fields = {"model": MINE.model, "revision": "r", "files": FILES} | change
    store.put(keys.inventory(*WHERE, None), Inventory.model_validate(fields).to_json())
    with pytest.raises(DamagedError, match="another model's"):
        uploaded(store).inventory()


@pytest.fixture
def bucket(store: MemoryStore) -> MemoryStore:
    """A place with the built-in model, and a pickle nobody needs."""
    place = store.beside("models", "a/shapes")
    for path in builtin_path("shapes").rglob("*"):
        if path.is_file() and path.suffix in {".json", ".safetensors", ".txt"}:
            place.put(path.relative_to(builtin_path("shapes")).as_posix(), path.read_bytes())
    place.put("unet/w.bin", b"")
    return place


def planned(bucket: MemoryStore) -> PipelineKey:
    """As the job was planned with it."""
    return PipelineKey("s3://models/a/shapes", revision=fingerprint(StoredFiles(bucket)))


def test_what_lies_in_a_bucket(store: MemoryStore, bucket: MemoryStore, tmp_path: Path) -> None:
    """What a pipeline needs of it; what came is held against its weights' own headers."""
    source = Bucket(planned(bucket), store)
    inventory = source.inventory()
    paths = [file.path for file in inventory.files]
    assert "unet/diffusion_pytorch_model.safetensors" in paths
    assert "unet/w.bin" not in paths
    for file in inventory.files:
        (tmp_path / file.path).parent.mkdir(exist_ok=True)
        (tmp_path / file.path).write_bytes(source.read(file.path, 0, file.bytes))
    source.check(inventory, tmp_path)
    weights = tmp_path / "unet" / "diffusion_pytorch_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1])
    with pytest.raises(DamagedError, match=r"unet/diffusion_pytorch_model\.safetensors is truncated"):
        source.check(inventory, tmp_path)


def test_a_bucket_that_changed_is_refused(store: MemoryStore, bucket: MemoryStore, tmp_path: Path) -> None:
    """Since the job was submitted, or while it was fetched."""
    source = Bucket(planned(bucket), store)
    inventory = source.inventory()
    bucket.put("unet/config.json", b"{}")
    for ask in (lambda: source.check(inventory, tmp_path), Bucket(source._key, store).inventory):
        with pytest.raises(ModelError, match="has changed since the job was submitted: submit it again"):
            ask()


def test_a_bucket_that_holds_no_model_any_more(
    store: MemoryStore, bucket: MemoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without its index, or gone with all that was in it."""
    bucket.delete(["model_index.json"])
    with pytest.raises(ModelError, match=r"s3://models/a/shapes cannot be loaded: .* has no model_index\.json"):
        Bucket(planned(bucket), store).inventory()

    def gone(_prefix: str) -> None:
        raise NoBucketError("There is no bucket 'models'.")

    monkeypatch.setattr(bucket, "entries", gone)
    with pytest.raises(ModelError, match=r"is not there any more\. There is no bucket 'models'"):
        Bucket(PipelineKey("s3://models/a/shapes", revision="r"), store).inventory()


def test_a_place_that_is_none_is_refused(store: MemoryStore) -> None:
    """A plan that somebody wrote by hand."""
    with pytest.raises(ModelError, match="is no place in S3"):
        Bucket(PipelineKey("s3://bucket", revision="r"), store)
