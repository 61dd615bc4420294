"""What is known of a Hub id before anything is loaded: from the cache on this machine, else from the Hub itself."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from farm.errors import ManifestError
from farm.hub import Found, look_up
from farm.models import builtin_path, resolve
from tests.fake_hub import COMMIT, FakeHub, serving


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the Hub's cache keeps a model of ours."""
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    place = tmp_path / "hf" / "hub" / "models--org--mine"
    (place / "snapshots" / COMMIT).mkdir(parents=True)
    (place / "refs").mkdir()
    (place / "refs" / "main").write_text(COMMIT)
    return place


@pytest.fixture
def online(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeHub]:
    """A Hub that answers."""
    with serving(FakeHub({"org/mine": builtin_path("shapes")}, gated=frozenset({"org/mine"}))) as hub:
        monkeypatch.delenv("HF_HUB_OFFLINE")
        monkeypatch.setenv("HF_ENDPOINT", hub.endpoint)
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        yield hub


def snapshot(place: Path, *names: str) -> Path:
    """Put some files of the built-in model into the snapshot; the weights are not needed."""
    folder = place / "snapshots" / COMMIT
    for name in names:
        (folder / name).parent.mkdir(exist_ok=True)
        shutil.copy(builtin_path("shapes") / name, folder / name)
    return folder


def test_a_branch_in_the_cache_is_a_commit(place: Path) -> None:
    """Of no revision it is main; of a commit, itself; of an unknown one, nothing."""
    folder = snapshot(place, "model_index.json")
    assert look_up("org/mine", None) == look_up("org/mine", "main") == Found(COMMIT, folder)
    assert look_up("org/mine", COMMIT) == Found(COMMIT, folder)
    assert look_up("org/mine", "f" * 40) == Found("f" * 40)
    assert look_up("org/mine", "v2") == look_up("org/other", None) == Found()


@pytest.mark.parametrize("text", ["", "main", "../../x", "\xff", "0123"])
def test_a_ref_that_is_no_commit_is_nothing(place: Path, text: str) -> None:
    """Whatever lies there."""
    (place / "refs" / "main").write_bytes(text.encode("latin-1"))
    assert look_up("org/mine", None) == Found()
    assert look_up("org/mine", "../refs/main") == Found()


def test_a_snapshot_gives_class_family_and_size(place: Path) -> None:
    """As a folder does, and the job is pinned to its commit: submitted again, it is the same job."""
    snapshot(place, "model_index.json", "unet/config.json", "vae/config.json", "scheduler/scheduler_config.json")
    info = resolve("org/mine")
    assert (info.model, info.revision, info.class_name) == ("org/mine", COMMIT, "StableDiffusionPipeline")
    assert (info.default_width, info.flow, info.local, info.on_hub) == (64, False, None, True)


def test_half_a_snapshot_gives_what_it_has(place: Path) -> None:
    """The index alone: the class and its family, and that family's size."""
    snapshot(place, "model_index.json")
    info = resolve("org/mine", revision="main")
    assert (info.revision, info.family.name, info.default_width, info.flow) == (COMMIT, "sd", 512, None)


def test_a_cached_pipeline_that_is_not_for_the_farm_is_refused(place: Path) -> None:
    """Before anything is submitted."""
    (place / "snapshots" / COMMIT / "model_index.json").write_text(json.dumps({"_class_name": "WanPipeline"}))
    with pytest.raises(ManifestError, match="is a WanPipeline, which makes videos"):
        resolve("org/mine")


def test_the_cache_is_where_its_variables_say(place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`HF_HUB_CACHE`, else `HF_HOME`, else below the user's cache."""
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "nothing"))
    assert look_up("org/mine", None).commit is None
    monkeypatch.setenv("HF_HUB_CACHE", str(place.parent))
    monkeypatch.delenv("HF_HOME")
    assert look_up("org/mine", None).commit == COMMIT
    monkeypatch.delenv("HF_HUB_CACHE")
    (tmp_path / "huggingface").mkdir()
    shutil.move(place.parent, tmp_path / "huggingface" / "hub")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert look_up("org/mine", None).commit == COMMIT


def test_the_hub_is_asked_for_what_the_cache_cannot_tell(online: FakeHub, monkeypatch: pytest.MonkeyPatch) -> None:
    """One question: the commit and the class, with the token that was given; no file is fetched."""
    assert look_up("org/mine", None) == Found()
    monkeypatch.setenv("HF_TOKEN", online.token)
    online.asked.clear()
    assert look_up("org/mine", "main") == Found(COMMIT, class_name="StableDiffusionPipeline")
    assert online.asked == ["GET /api/models/org/mine/revision/main"]
    info = resolve("org/mine")
    assert (info.revision, info.class_name, info.family.name) == (COMMIT, "StableDiffusionPipeline", "sd")
    assert look_up("org/nothing", None) == Found()


def test_the_token_of_a_login_is_used(online: FakeHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As the Hub's own client keeps it."""
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    (tmp_path / "token").write_text(f"{online.token}\n")
    assert look_up("org/mine", None).commit == COMMIT


def test_a_cache_that_knows_is_enough(online: FakeHub, place: Path) -> None:
    """The Hub is not asked: the job stays what it was here."""
    assert place.is_dir()
    assert look_up("org/mine", None).commit == COMMIT
    assert online.asked == []


@pytest.mark.parametrize("endpoint", ["http://127.0.0.1:9", "file:///etc", "nonsense", ""])
def test_a_hub_that_does_not_answer_is_no_error(monkeypatch: pytest.MonkeyPatch, endpoint: str) -> None:
    """Workers may reach it where this machine cannot."""
    if endpoint:
        monkeypatch.delenv("HF_HUB_OFFLINE")
    monkeypatch.setenv("HF_ENDPOINT", endpoint)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    assert look_up("org/mine", None) == Found()


@pytest.mark.parametrize("answer", ["[]", '"x"', "{}", '{"sha": 1}', '{"sha": "short"}', "no json"])
def test_an_answer_that_is_none_is_no_error(online: FakeHub, monkeypatch: pytest.MonkeyPatch, answer: str) -> None:
    """A captive portal, or a mirror of another kind."""
    monkeypatch.setattr(online, "answer", lambda *_: (200, {}, answer.encode()))
    assert look_up("org/mine", None) == Found()
