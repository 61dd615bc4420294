"""What all requests of other services share."""

import re
from pathlib import Path

import pytest

from farm.manifest.fields import WrongValueError
from farm.manifest.foreign import configured, model_reader, several
from farm.manifest.formats import Rows


def test_models_by_their_foreign_names() -> None:
    """What is configured goes first; a name that a manifest of ours may hold is itself."""
    read = model_reader(lambda: {"gpt-image-1": "org/thing", "org/old": "org/new"})
    assert [read(name) for name in ("gpt-image-1", "org/old", "org/other", "builtin:shapes", "s3://b/m")] == [
        "org/thing",
        "org/new",
        "org/other",
        "builtin:shapes",
        "s3://b/m",
    ]
    with pytest.raises(WrongValueError, match=re.escape("in farm.toml, under [models], what to take")):
        read("dall-e-3")
    with pytest.raises(WrongValueError, match="must be text"):
        read(3)


def test_models_are_read_from_the_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The table [models] of farm.toml, which FARM_CONFIG may name; the sentence names that file."""
    config = tmp_path / "mine.toml"
    config.write_text('[models]\n"civitai:1@2" = "org/thing"\n', encoding="utf-8")
    monkeypatch.setenv("FARM_CONFIG", str(config))
    assert configured() == {"civitai:1@2": "org/thing"}
    with pytest.raises(WrongValueError, match=r"mine\.toml"):
        model_reader(configured)("dall-e-3")


def test_a_request_for_several() -> None:
    """As many rows on the same line; the count itself is no cell of them."""
    table = Rows("a.jsonl", [], iter(()))
    assert list(several(table, (3, {"n": 2, "seed": 5, "prompt": "a"}), "n")) == [
        (3, {"seed": 5, "prompt": "a"}),
        (3, {"seed": 6, "prompt": "a"}),
    ]
    assert list(several(table, (3, {"seed": "x"}), "n")) == [(3, {"seed": "x"})]
