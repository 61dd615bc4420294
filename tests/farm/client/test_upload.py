"""A submitter's model reaches the store: once, whole, only what a pipeline reads."""

import hashlib
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from farm.client.upload import Sent, upload_models
from farm.errors import ManifestError, StoreError
from farm.inventory import Inventory
from farm.manifest.model import load
from farm.models import builtin_path, stored_name
from farm.plan.plan import Plan, make_plan
from farm.store import keys
from farm.store.memory import MemoryStore

if TYPE_CHECKING:
    from tests.farm.conftest import Stage


class CountingStore(MemoryStore):
    """Remembers what was written."""

    def __init__(self) -> None:
        super().__init__()
        self.written: list[str] = []
        self.refuse = ""

    def put(self, key: str, data: bytes, **options: Any) -> None:
        """Write, unless it was told to refuse."""
        if self.refuse and self.refuse in key:
            raise StoreError("The connection broke.")
        self.written.append(key)
        super().put(key, data, **options)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the built-in model, and things beside it that nobody needs."""
    folder = Path(
        shutil.copytree(builtin_path("shapes"), tmp_path / "my mugs", ignore=shutil.ignore_patterns("*.py", "__*"))
    )
    for name in ("README.md", "unet/w.bin", "unet/diffusion_pytorch_model.fp16.safetensors", ".git/config.json"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(
            (folder / "unet" / "diffusion_pytorch_model.safetensors").read_bytes() if "fp16" in name else b"x"
        )
    return folder


@pytest.fixture
def store() -> CountingStore:
    """An empty store."""
    return CountingStore()


def plan_of(*folders: Path, **render: Any) -> Plan:
    """A job of some models."""
    models = [str(each) for each in folders]
    return make_plan(load({"name": "m", "render": {"model": models, "prompt": "a cat", "steps": 2, **render}}))


def place(plan: Plan) -> tuple[str, str]:
    """Name and revision of a plan's model."""
    key = plan.groups[0].pipeline
    return stored_name(key.model), str(key.revision)


def test_a_folder_is_uploaded_with_its_list_last(folder: Path, store: CountingStore) -> None:
    """Index, configurations, tokenizer and plain weights; no pickle, note, other variant or hidden file."""
    plan = plan_of(folder)
    sent = upload_models(plan, store=store)
    prefix = keys.model(*place(plan))
    assert prefix.startswith("models/my-mugs-")
    assert store.written[-1] == keys.inventory(*place(plan), None)
    names = {key.removeprefix(prefix) for key in store.written[:-1]}
    assert "unet/diffusion_pytorch_model.safetensors" in names
    assert not [name for name in names if name.endswith((".md", ".bin")) or "fp16" in name or ".git" in name]
    inventory = Inventory.parse(store.get(store.written[-1]))
    assert {file.path for file in inventory.files} == names
    assert sent == inventory.size == sum(len(store.get(prefix + name)) for name in names)
    for file in inventory.files:
        assert file.sha256 == hashlib.sha256((folder / file.path).read_bytes()).hexdigest()


def test_the_second_submit_transfers_nothing(folder: Path, store: CountingStore) -> None:
    """Nor does another job of the same model."""
    upload_models(plan_of(folder), store=store)
    store.written.clear()
    assert upload_models(plan_of(folder, seed=[1, 2]), store=store) == 0
    assert store.written == []


def test_an_upload_that_broke_off_goes_on(folder: Path, store: CountingStore) -> None:
    """Without its list it is no model; the next one sends what is missing."""
    plan = plan_of(folder)
    store.refuse = "vae/"
    with pytest.raises(StoreError):
        upload_models(plan, store=store)
    assert not store.exists(keys.inventory(*place(plan), None))
    done, store.refuse = list(store.written), ""
    store.written.clear()
    upload_models(plan, store=store)
    assert done
    assert not set(done) & set(store.written)
    assert store.exists(keys.inventory(*place(plan), None))


def test_a_file_that_is_not_ours_is_sent_again(folder: Path, store: CountingStore) -> None:
    """Of the same size and of another content: what the store says of it tells."""
    plan = plan_of(folder)
    store.refuse = "complete"
    with pytest.raises(StoreError):
        upload_models(plan, store=store)
    store.refuse = ""
    key = keys.model_file(*place(plan), "unet/config.json")
    store.put(key, bytes(len(store.get(key))))
    store.written.clear()
    upload_models(plan, store=store)
    assert store.written == [key, keys.inventory(*place(plan), None)]


@pytest.mark.parametrize("damage", ["list", "size", "gone"])
def test_what_the_store_lost_is_sent_again(folder: Path, store: CountingStore, damage: str) -> None:
    """A list that cannot be read, a file of another size, one that was deleted."""
    plan = plan_of(folder)
    upload_models(plan, store=store)
    key = keys.inventory(*place(plan), None) if damage == "list" else keys.model_file(*place(plan), "unet/config.json")
    if damage == "gone":
        store.delete([key])
    else:
        store.put(key, b"{")
    upload_models(plan, store=store)
    assert store.get(keys.model_file(*place(plan), "unet/config.json")) == (folder / "unet/config.json").read_bytes()
    assert Inventory.parse(store.get(keys.inventory(*place(plan), None)))


def test_a_variant_has_a_list_of_its_own(folder: Path, store: CountingStore) -> None:
    """What both need is sent once."""
    upload_models(plan_of(folder), store=store)
    for component in ("vae/diffusion_pytorch_model", "text_encoder/model"):
        plain = folder / f"{component}.safetensors"
        shutil.copy(plain, folder / f"{component}.fp16.safetensors")
    plan = plan_of(folder, variant="fp16")
    store.written.clear()
    upload_models(plan, store=store)
    assert store.written[-1].endswith("/complete.fp16.json")
    inventory = Inventory.parse(store.get(store.written[-1]))
    weights = [file.path for file in inventory.files if file.path.endswith(".safetensors")]
    assert len(weights) == 3
    assert all(".fp16." in path for path in weights)


def test_models_that_need_not_travel_do_not(store: CountingStore) -> None:
    """Built-in ones are on every worker, those of the Hub come from there."""
    plan = make_plan(
        load({"name": "m", "render": {"model": ["builtin:shapes", "a/b"], "prompt": "a cat", "size": "64x64"}})
    )
    assert upload_models(plan, store=store) == 0
    assert store.written == []


def test_a_job_that_is_over_needs_no_model(folder: Path, store: CountingStore) -> None:
    """Submitted again it renders nothing."""
    plan = plan_of(folder)
    store.put(keys.finished(plan.job_id), b"{}")
    assert upload_models(plan, store=store) == 0


def test_how_far_it_has_come_is_told(folder: Path, store: CountingStore) -> None:
    """From nothing to all, never back."""
    told: list[Sent] = []
    sent = upload_models(plan_of(folder), store=store, on_sent=told.append)
    counts = [each.sent for each in told]
    assert counts == sorted(counts)
    assert (counts[0], counts[-1], {each.total for each in told}) == (0, sent, {sent})
    assert {each.model for each in told} == {str(folder)}


def test_a_folder_that_changes_meanwhile_is_no_upload(
    folder: Path, store: CountingStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Trained on while it travels: nothing half of this and half of that is ever complete."""
    plan = plan_of(folder)
    pieces = store.put_stream

    def meddle(key: str, found: Iterator[bytes], **options: Any) -> None:
        if key.endswith("unet/config.json"):
            (folder / "unet" / "config.json").write_text("{}")
        pieces(key, found, **options)

    monkeypatch.setattr(store, "put_stream", meddle)
    with pytest.raises(
        ManifestError, match=r"render\.model: the folder .* changed while it was uploaded: submit again\."
    ):
        upload_models(plan, store=store)
    assert not store.exists(keys.inventory(*place(plan), None))


def test_a_folder_that_was_trained_on_since_the_plan_is_no_upload(folder: Path, store: CountingStore) -> None:
    """The job would say one model and render another."""
    plan = plan_of(folder)
    (folder / "unet" / "config.json").write_text("{}")
    with pytest.raises(ManifestError, match="changed while it was uploaded"):
        upload_models(plan, store=store)
    assert not store.exists(keys.inventory(*place(plan), None))


def test_a_folder_that_is_gone_is_one_sentence(folder: Path, store: CountingStore) -> None:
    """Between the plan and the upload."""
    plan = plan_of(folder)
    shutil.rmtree(folder)
    with pytest.raises(ManifestError, match=r"render\.model: the folder .* cannot be read: No such file or directory"):
        upload_models(plan, store=store)


@pytest.mark.parametrize("elsewhere", [True, False])
def test_submit_uploads_before_the_job_exists(
    stage: "Stage", folder: Path, monkeypatch: pytest.MonkeyPatch, *, elsewhere: bool
) -> None:
    """A worker that hears of the job finds its model; where the disk is the same, nothing travels."""
    settings = stage.farm.connection.settings.model_copy(update={"upload_models": elsewhere})
    monkeypatch.setattr(stage.farm.connection, "settings", settings)
    written: list[str] = []
    put = stage.store.put

    def noted(key: str, data: bytes, **options: Any) -> None:
        written.append(key)
        put(key, data, **options)

    monkeypatch.setattr(stage.store, "put", noted)
    job = stage.submit(model=str(folder)).job
    assert written[-1] == keys.plan(job)
    models = [key for key in written if key.startswith("models/")]
    assert models[-1].endswith("/complete.json") if elsewhere else models == [], models
