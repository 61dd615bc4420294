"""Errors that say where, and the nearest known name."""

import pytest

from farm.errors import ManifestError
from farm.manifest.place import Place, shown

PLACE = Place("job.yaml", {"": 1, "render": 2, "render.prompt": 3, "render.prompt.1": 5}, {"run.batch": "--set x"})


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("render.prompt.1", "job.yaml:5: render.prompt.1: is wrong"),
        ("render.prompt.0", "job.yaml:3: render.prompt.0: is wrong"),
        ("render.steps", "job.yaml:2: render.steps: is wrong"),
        ("output.name", "job.yaml: output.name: is wrong"),
        ("run.batch", "--set x: run.batch: is wrong"),
        ("", "job.yaml: is wrong"),
    ],
)
def test_an_error_has_the_nearest_line(path: str, text: str) -> None:
    """Its own line, that of what it stands in, or the override that wrote it."""
    assert str(PLACE.error("is wrong", path)) == text


def test_a_manifest_that_is_no_file_has_no_place() -> None:
    """Only the field is named."""
    assert str(Place().error("is wrong", "render.steps")) == "render.steps: is wrong"


@pytest.mark.parametrize(
    ("key", "said"),
    [
        ("stepz", "unknown key 'stepz': did you mean 'steps'?"),
        ("zzz", "unknown key 'zzz': known are steps, seed."),
        ("image", "image is known but not supported yet: remove it."),
    ],
)
def test_keys_are_known_or_named(key: str, said: str) -> None:
    """The nearest name, all names, or that the time has not come."""
    with pytest.raises(ManifestError) as caught:
        Place().check_keys(["seed", key], "render", known=("steps", "seed"), later=("image",))
    assert caught.value.message == said
    assert caught.value.field == f"render.{key}"


def test_a_mapping_or_nothing() -> None:
    """An empty section is one without keys; a list is none."""
    assert PLACE.mapping(None, "run") == {}
    assert PLACE.mapping({"a": 1}, "run") == {"a": 1}
    with pytest.raises(ManifestError, match="a list is not"):
        PLACE.mapping([1], "run")


@pytest.mark.parametrize(
    ("value", "text"), [(1, "1"), ("a", "'a'"), ([1], "a list"), ({}, "a mapping"), (None, "None"), ("a\nb", r"'a\nb'")]
)
def test_a_value_is_shown_on_one_line(value: object, text: str) -> None:
    """Short, so that a sentence stays one."""
    assert shown(value) == text


def test_a_long_value_is_cut() -> None:
    """A prompt of a page is not printed."""
    assert len(shown("x" * 1000)) < 65
