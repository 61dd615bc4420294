"""Models of the Hub, from a server that speaks enough of its API, and from its cache alone."""

import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from farm.errors import ModelError
from farm.ledger.values import Signal
from farm.manifest.task import PipelineKey
from farm.models import builtin_path
from tests.fake_hub import COMMIT, FakeHub, serving
from workers.device import Device
from workers.download import patiently
from workers.hub import download, sentence
from workers.lease import StoppedError
from workers.locate import Models
from workers.pipeline import load


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[FakeHub]:
    """A Hub with one model that all may have and one that is gated; its cache is empty."""
    from huggingface_hub import constants, hf_api

    folder = builtin_path("shapes")
    fake = FakeHub({"org/shapes": folder, "org/gated": folder}, gated=frozenset({"org/gated"}))
    with serving(fake):
        monkeypatch.setattr(constants, "ENDPOINT", fake.endpoint)
        template = fake.endpoint + "/{repo_id}/resolve/{revision}/{filename}"
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
        monkeypatch.setattr(hf_api.api, "endpoint", fake.endpoint)
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        monkeypatch.delenv("HF_HUB_OFFLINE")
        yield fake


def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    """What `HF_HUB_OFFLINE=1` does when the libraries are imported."""
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)


def said(key: PipelineKey, device: Device, models: Models) -> str:
    """Why it cannot be loaded."""
    with pytest.raises(ModelError) as caught:
        load(key, device, models.at)
    return str(caught.value)


@pytest.fixture
def models(store: Any, shelf: Any) -> Models:
    """Finds models."""
    return Models(store, shelf)


def test_a_model_is_fetched_once_and_then_loads_offline(
    hub: FakeHub, device: Device, models: Models, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By its commit; afterwards the Hub need not be there."""
    key = PipelineKey("org/shapes", revision=COMMIT)
    assert load(key, device, models.at).bytes > 100_000
    assert any(path.endswith("unet/diffusion_pytorch_model.safetensors") for path in hub.fetched)
    offline(monkeypatch)
    hub.asked.clear()
    assert load(key, device, models.at).hash == COMMIT[:10]
    assert hub.asked == []


def test_a_cache_that_was_copied_here_is_enough(
    tmp_path: Path, device: Device, models: Models, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Snapshots and refs as the Hub's client lays them out, made by hand: by branch and by commit."""
    from huggingface_hub import constants

    place = tmp_path / "cache" / "models--org--mine"
    shutil.copytree(builtin_path("shapes"), place / "snapshots" / COMMIT, ignore=shutil.ignore_patterns("*.py", "__*"))
    (place / "refs").mkdir()
    (place / "refs" / "main").write_text(COMMIT)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    offline(monkeypatch)
    for revision in (COMMIT, "main", None):
        assert load(PipelineKey("org/mine", revision=revision), device, models.at).name == "mine"
    assert "HF_HUB_OFFLINE is set" in said(PipelineKey("org/mine", revision="other"), device, models)


def test_half_a_snapshot_is_no_model(
    tmp_path: Path, device: Device, models: Models, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fetched until somebody pulled the plug: the Hub's client takes it for whole."""
    from huggingface_hub import constants

    folder = tmp_path / "cache" / "models--org--mine" / "snapshots" / COMMIT
    folder.mkdir(parents=True)
    shutil.copy(builtin_path("shapes") / "model_index.json", folder)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    offline(monkeypatch)
    text = said(PipelineKey("org/mine", revision=COMMIT), device, models)
    assert "is only partly in this worker's cache of the Hub, without its scheduler: fetch it" in text


@pytest.mark.parametrize(
    ("key", "words"),
    [
        (PipelineKey("org/gated"), "is gated on the Hub: accept its terms there, and give the workers your HF_TOKEN."),
        (PipelineKey("org/no"), "is not on the Hub, or is private: check the id, or give the workers a HF_TOKEN."),
        (PipelineKey("org/shapes", "v9"), "has no revision v9 on the Hub: check render.revision."),
    ],
    ids=["gated", "missing", "revision"],
)
@pytest.mark.usefixtures("hub")
def test_what_the_hub_refuses_is_one_sentence(device: Device, models: Models, key: PipelineKey, words: str) -> None:
    """Each with what to do about it."""
    assert said(key, device, models) == f"Model {key.model} {words}"


def test_a_token_opens_a_gated_model(
    hub: FakeHub, device: Device, models: Models, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The worker's own variable."""
    monkeypatch.setenv("HF_TOKEN", hub.token)
    assert load(PipelineKey("org/gated"), device, models.at).name == "gated"


def test_a_hub_that_is_away_is_said(
    device: Device, models: Models, hub: FakeHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing answers at its address."""
    from huggingface_hub import hf_api

    monkeypatch.setattr(hf_api.api, "endpoint", "http://127.0.0.1:9")
    assert "the Hub cannot be reached or does not have it" in said(PipelineKey("org/shapes"), device, models)
    assert not [asked for asked in hub.asked if "org/shapes" in asked]


def test_a_cancel_is_heard_while_the_hub_is_slow(monkeypatch: pytest.MonkeyPatch) -> None:
    """The GPU thread leaves; what is fetched goes on to the cache."""
    going_on = threading.Event()
    monkeypatch.setattr("workers.hub._download", lambda _: going_on.wait(20))

    def cancelled(trouble: str = "") -> None:
        assert not trouble
        raise StoppedError(Signal.CANCEL)

    with pytest.raises(StoppedError):
        download(PipelineKey("org/slow"), cancelled)
    going_on.set()


def test_other_trouble_is_not_the_hubs() -> None:
    """It has other sentences."""
    assert sentence(PipelineKey("org/x"), {"ValueError", "Exception"}) is None
    assert patiently("anything") is None  # type: ignore[func-returns-value]  # that is the point


def test_a_pipeline_that_is_not_for_the_farm_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Even where its snapshot is here."""
    (tmp_path / "model_index.json").write_text('{"_class_name": "WanPipeline"}')
    monkeypatch.setattr("workers.hub._download", lambda _: tmp_path)
    with pytest.raises(
        ModelError, match="org/video cannot be loaded: 'org/video' is a WanPipeline, which makes videos"
    ):
        download(PipelineKey("org/video"), patiently)
