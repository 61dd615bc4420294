"""Lists of imageInference requests."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from farm.errors import ManifestError
from farm.manifest import limits
from farm.manifest.model import Manifest, load
from farm.manifest.requests import begins_list

Write = Callable[[str, str | bytes], Path]
RowsOf = Callable[..., list[dict[str, Any]]]
MODELS = {"civitai:101055@128078": "org/thing"}
FULL = {
    "taskType": "imageInference",
    "taskUUID": "u-1",
    "model": "civitai:101055@128078",
    "positivePrompt": "A giant jellyfish floating through a sunlit canyon",
    "negativePrompt": "",
    "steps": 30,
    "CFGScale": 7.5,
    "scheduler": "DPM++ 2M Karras",
    "seed": 42,
    "numberResults": 2,
    "width": 1024,
    "height": 768,
}


def request(**fields: Any) -> dict[str, Any]:
    """A request with few fields."""
    return {"taskType": "imageInference", "model": "org/thing", "positivePrompt": "a mug"} | fields


@pytest.fixture
def listed(write: Write) -> Callable[..., Manifest]:
    """The manifest of some requests."""

    def make(*requests: Any, name: str = "list.json", overrides: tuple[str, ...] = ()) -> Manifest:
        lines = [json.dumps(each) for each in requests]
        text = "\n".join(lines) if name.endswith(".jsonl") else f"[{', '.join(lines)}]"
        return load(write(name, text), overrides=overrides, models=lambda: MODELS)

    return make


Listed = Callable[..., Manifest]


@pytest.mark.parametrize("name", ["list.json", "list.jsonl"])
def test_every_field_of_a_request(listed: Listed, rows_of: RowsOf, name: str) -> None:
    """As the service's documentation shows it; two results are two tasks of one key, their seeds counting up."""
    made = listed(FULL, request(taskUUID="u-2"), name=name)
    names = ("custom_id", "model", "prompt", "steps", "guidance_scale", "scheduler", "seed", "width", "height")
    first = ("u-1", "org/thing", FULL["positivePrompt"], 30, 7.5, "dpm++2m-karras", 42, 1024, 768)
    plain = ("u-2", "org/thing", "a mug", None, None, "default", None, None, None)
    assert [tuple(row.values()) for row in rows_of(made, *names)] == [first, (*first[:6], 43, *first[7:]), plain]
    assert not made.notes


def test_what_means_nothing_here_is_said(listed: Listed, rows_of: RowsOf) -> None:
    """How an answer is sent does not matter; what nobody knows is carried."""
    made = listed(request(includeCost=True, outputFormat="PNG", mine=7, ttl=None))
    assert [note.partition(": ")[2] for note in made.notes] == ["includeCost, outputFormat.", "mine."]
    assert rows_of(made, "meta") == [{"meta": {"mine": 7}}]


@pytest.mark.parametrize(
    ("second", "said"),
    [
        (request(taskType="imageUpscale"), "1.taskType: must be imageInference, the one kind of task"),
        ({"positivePrompt": "a"}, "1.taskType: must be imageInference"),
        ("a mug", "1: must be a request, a mapping of fields to values"),
        (request(steps=0), "1.steps: must be a whole number from 1"),
        (request(CFGScale="high"), "1.CFGScale: must be a number from 0"),
        (request(width=1000, height=1001), "1.height: must be a multiple of 8"),
        (request(positivePrompt=""), "1.positivePrompt: this row has no prompt."),
        (request(scheduler="eular"), "1.scheduler: 'eular' is no scheduler: did you mean euler?"),
        (request(numberResults=-1), "1.numberResults: must be a whole number from 1 to 1000"),
        (request(model="runware:100@1"), "1.model: 'runware:100@1' is no model of this farm: say in farm.toml"),
        (request(taskUUID=["a"]), "1.taskUUID: must be text"),
        (request(controlNet=[{}]), "1.controlNet: controlNet is known but not supported yet: remove it."),
        (request(lora=[{}]), "1.lora: "),
        (request(positivePrompt="a", prompt="b"), "1.prompt: means the same as positivePrompt: give one of them."),
    ],
)
def test_a_bad_request_has_its_index(listed: Listed, second: Any, said: str) -> None:
    """And its field, as the request spells it; nothing is submitted."""
    with pytest.raises(ManifestError, match=re.escape(said)):
        listed(FULL, second)


def test_a_request_has_the_line_it_begins_on(write: Write) -> None:
    """However the list is set."""
    text = "\n[\n" + json.dumps(request(), indent=2) + ",\n\n" + json.dumps(request(steps=0), indent=2) + "\n]\n"
    with pytest.raises(ManifestError, match=r"list.json:9: 1.steps: "):
        load(write("list.json", text))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[]", "is a list: a manifest is a mapping"),
        ('["a mug"]', "is a list: a manifest is a mapping"),
        ('[{"prompt": "a"}]', "tasks of ours go into a .jsonl, one a line"),
        ('[{"taskType": "imageInference"', "list.json:1: this is no JSON: it ends too early"),
    ],
)
def test_a_list_of_something_else(write: Write, text: str, said: str) -> None:
    """What belongs where."""
    with pytest.raises(ManifestError, match=said):
        load(write("list.json", text), overrides=["render.model=org/thing"])


def test_a_list_without_prompts(listed: Listed) -> None:
    """The missing field goes by the list's own name."""
    with pytest.raises(ManifestError, match="has no column 'positivePrompt'"):
        listed({"taskType": "imageInference", "model": "org/thing"})


def test_a_list_that_is_too_large(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is read whole, so it has a cap, and the sentence says what to do."""
    monkeypatch.setattr("farm.manifest.requests.LIST_BYTES", 10)
    with pytest.raises(ManifestError, match=r"write one request a line, as \.jsonl"):
        load(write("list.json", json.dumps([request()])))
    assert limits.LIST_BYTES > limits.MANIFEST_BYTES


def test_what_begins_a_list(write: Write, tmp_path: Path) -> None:
    """A byte order mark and blank lines do not matter; what cannot be read is none."""
    assert begins_list(write("a.json", "\ufeff\n  [1]"))
    assert not begins_list(write("a.json", '{"render": [1]}'))
    assert not begins_list(write("a.json", b"\xff["))
    assert not begins_list(tmp_path / "none.json")
