import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from farm.errors import ModelError
from farm.files import DiskFiles
from farm.manifest.task import PipelineKey
from farm.weights import fingerprint
from workers.device import Device
from workers.pipeline import Loaded, is_out_of_memory, load, quiet, sentence, weights

LoadShape = Callable[[str], Loaded]


@pytest.fixture
def copy(sd15_folder: Path, tmp_path: Path) -> Path:
    """A model folder that a test may damage."""
    return Path(shutil.copytree(sd15_folder, tmp_path / "model"))


def test_a_folder_is_loaded(sd15: Loaded) -> None:
    """The pipeline is in the device's format, and its weight is known."""
    assert sd15.dtype == "float32"
    assert sd15.bytes == weights(sd15.pipe) > 100_000
    assert type(sd15.pipe).__name__ == "StableDiffusionPipeline"


def test_the_user_sees_no_progress_bars(sd15_folder: Path, device: Device, capfd: pytest.CaptureFixture[str]) -> None:
    """Loading says nothing on the terminal."""
    load(PipelineKey(str(sd15_folder)), device)
    assert capfd.readouterr() == ("", "")


def test_a_missing_folder_is_named(device: Device, tmp_path: Path) -> None:
    """A path that only the submitting machine has is the usual reason."""
    with pytest.raises(ModelError, match="is not on this worker"):
        load(PipelineKey(str(tmp_path / "gone")), device)


def test_a_folder_that_is_no_model_is_named(device: Device, tmp_path: Path) -> None:
    """A checkpoint file alone is not what is asked for."""
    with pytest.raises(ModelError, match=r"no model_index\.json"):
        load(PipelineKey(str(tmp_path)), device)


def test_weights_that_are_not_safetensors_are_refused(copy: Path, device: Device) -> None:
    """A pickle could run anybody's code."""
    weights_file = copy / "unet" / "diffusion_pytorch_model.safetensors"
    weights_file.rename(weights_file.with_suffix(".bin"))
    with pytest.raises(ModelError, match="no safetensors weights"):
        load(PipelineKey(str(copy)), device)


def test_a_corrupt_file_is_named(copy: Path, device: Device) -> None:
    """Half a download: copy it again."""
    weights_file = copy / "unet" / "diffusion_pytorch_model.safetensors"
    weights_file.write_bytes(weights_file.read_bytes()[:1000])
    with pytest.raises(ModelError, match="corrupt safetensors"):
        load(PipelineKey(str(copy)), device)


def test_any_other_trouble_is_one_sentence(copy: Path, device: Device) -> None:
    """An index that names classes nobody has is the model's fault, not a traceback."""
    index = copy / "model_index.json"
    index.write_text(json.dumps(json.loads(index.read_text()) | {"unet": ["diffusers", "NoSuchModel"]}))
    with pytest.raises(ModelError, match=f"{copy} cannot be loaded") as caught:
        load(PipelineKey(str(copy)), device)
    assert "\n" not in str(caught.value)


def test_a_pipeline_without_a_prompt_is_refused(copy: Path, device: Device) -> None:
    """An unconditional pipeline makes pictures, but not of what was asked for."""
    index = copy / "model_index.json"
    made = json.loads(index.read_text())
    parts = {name: made[name] for name in ("unet", "scheduler", "_diffusers_version")}
    index.write_text(json.dumps({"_class_name": "DDPMPipeline", **parts}))
    with pytest.raises(ModelError, match="takes no prompt"):
        load(PipelineKey(str(copy)), device)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("StableDiffusionImg2ImgPipeline", "is a StableDiffusionImg2ImgPipeline, which needs an image to begin with"),
        ("StableDiffusionAttendAndExcitePipeline", "asks for token_indices, which the farm cannot give it"),
        ("AnimateDiffPipeline", "makes videos and no pictures"),
        (["mine", "MyPipeline"], "code of its own, which the farm does not run"),
    ],
)
def test_a_pipeline_that_cannot_be_served_is_refused_unread(
    copy: Path, device: Device, name: object, said: str
) -> None:
    """By the name of its class or by its signature, before any weights are loaded; strangers' code is not run."""
    index = copy / "model_index.json"
    index.write_text(json.dumps(json.loads(index.read_text()) | {"_class_name": name}))
    (copy / "unet" / "diffusion_pytorch_model.safetensors").write_bytes(b"never read")
    (copy / "mine.py").write_text("raise SystemExit")
    with pytest.raises(ModelError, match=said):
        load(PipelineKey(str(copy)), device)


def test_a_part_that_the_index_leaves_out_is_not_asked_for(shape: LoadShape) -> None:
    """SD3 without T5 loads as it was saved."""
    loaded = shape("sd3-small")
    assert loaded.pipe.text_encoder_3 is None
    assert loaded.bytes < shape("sd3").bytes


def test_a_hub_that_must_not_be_asked_is_named(device: Device, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Offline and not in the cache: the sentence says both, and what to do."""
    import huggingface_hub.constants

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(ModelError, match=r"is not in this worker.s cache of the Hub, and HF_HUB_OFFLINE is set"):
        load(PipelineKey("somebody/some-model", revision="abc"), device)


def test_a_model_that_is_too_large_is_named() -> None:
    """Out of memory while loading is about the device."""
    assert "does not fit" in sentence(PipelineKey("big/model"), MemoryError())
    assert is_out_of_memory(MemoryError())
    assert not is_out_of_memory(ValueError())


def test_the_weights_are_those_that_were_planned(copy: Path, device: Device) -> None:
    """A folder that was trained on since, or was copied by halves, is refused with a sentence."""
    key = PipelineKey(str(copy), revision=fingerprint(DiskFiles(copy)))
    assert load(key, device).hash == key.revision[:10]  # type: ignore[index]  # it was given
    config = copy / "scheduler" / "scheduler_config.json"
    config.write_text(config.read_text() + "\n")
    now = fingerprint(DiskFiles(copy))[:10]
    with pytest.raises(ModelError, match=rf"{copy} on this worker is not the one .* {now} and not"):
        load(key, device)


def test_built_in_weights_are_pinned_too(device: Device) -> None:
    """A worker of another release may hold another model of the same name."""
    with pytest.raises(ModelError, match="builtin:shapes on this worker is not the one"):
        load(PipelineKey("builtin:shapes", revision="0" * 40), device)


def test_a_model_has_a_short_name_and_a_hash(sd15: Loaded) -> None:
    """What the picture's text says: the last part of the name, ten hex digits of the revision where it has some."""
    given = {"pipe": sd15.pipe, "device": sd15.device, "dtype": "float32", "bytes": 1}
    hub = Loaded(key=PipelineKey("org/some-model", revision="462165984030d82259a1"), **given)
    assert (hub.name, hub.hash) == ("some-model", "4621659840")
    builtin = Loaded(key=PipelineKey("builtin:shapes"), **given)
    assert builtin.name == "shapes"
    assert len(builtin.hash) == 10
    assert builtin.hash != Loaded(key=PipelineKey("builtin:other"), **given).hash


def test_remote_code_stays_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the environment says; what is mere taste may be set by the user."""
    monkeypatch.setenv("DIFFUSERS_DISABLE_REMOTE_CODE", "0")
    monkeypatch.setenv("TRANSFORMERS_VERBOSITY", "info")
    quiet()
    assert os.environ["DIFFUSERS_DISABLE_REMOTE_CODE"] == "1"
    assert os.environ["TRANSFORMERS_VERBOSITY"] == "info"
