"""--set: values over the manifest's own."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from farm.errors import ManifestError
from farm.manifest.overrides import apply


@pytest.mark.parametrize(
    ("data", "override", "expected"),
    [
        ({}, "render.steps=20", {"render": {"steps": 20}}),
        ({}, "render.seed=1-4", {"render": {"seed": "1-4"}}),
        ({}, "render.steps=[10, 20]", {"render": {"steps": [10, 20]}}),
        ({}, "render.prompt={file: a.csv, column: b}", {"render": {"prompt": {"file": "a.csv", "column": "b"}}}),
        ({}, "render.prompt.file=a.csv", {"render": {"prompt": {"file": "a.csv"}}}),
        ({}, "render.prompt=a mug: red, [big]", {"render": {"prompt": "a mug: red, [big]"}}),
        ({}, 'render.prompt="a"', {"render": {"prompt": "a"}}),
        ({}, "render.prompt=[a, b]", {"render": {"prompt": ["a", "b"]}}),
        ({}, "name=22:00", {"name": "22:00"}),
        ({}, "name=7", {"name": "7"}),
        ({}, "render.prompt=", {"render": {"prompt": ""}}),
        ({}, "output.name={index}=x", {"output": {"name": "{index}=x"}}),
        ({"run": None}, "run.priority=80", {"run": {"priority": 80}}),
        ({"render": {"steps": 8, "seed": 1}}, "render.steps=20", {"render": {"steps": 20, "seed": 1}}),
        ({"render": {"sample_steps": 8}}, "render.steps=20", {"render": {"steps": 20}}),
        ({"render": {"steps": 8}}, "render.sample_steps=20", {"render": {"sample_steps": 20}}),
        ({"render": {"size": "8x8"}}, "render.width=16", {"render": {"width": 16}}),
        ({"render": {"width": 8, "height": 8}}, "render.size=16x16", {"render": {"size": "16x16"}}),
    ],
)
def test_a_setting_is_written_over(data: dict[str, Any], override: str, expected: dict[str, Any]) -> None:
    """Read as YAML, prose as it stands; other names of the same field make way."""
    origins = apply(data, [override])
    assert data == expected
    assert list(origins) == [override.partition("=")[0]]


def test_the_last_setting_wins() -> None:
    """In the order of the command line, under any of its names."""
    data: dict[str, Any] = {}
    apply(data, ["render.steps=1", "render.num_inference_steps=2", "render.steps=3"])
    assert data == {"render": {"steps": 3}}


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("render.steps", "is no setting"),
        ("=20", "is no setting"),
        ("render..steps=20", "is no setting"),
        ("render.steps=[1", "no YAML"),
        ("name.x=1", "leads through name, which is 'mugs'"),
        ("render.steps.x=1", "leads through render.steps, which is 8"),
    ],
)
def test_a_setting_that_is_none(override: str, said: str) -> None:
    """It is named itself, since it stands in no file."""
    with pytest.raises(ManifestError) as caught:
        apply({"name": "mugs", "render": {"steps": 8}}, [override])
    assert caught.value.file == f"--set {override}"
    assert said in caught.value.message


@given(
    st.dictionaries(
        st.sampled_from(["steps", "sample_steps", "seed", "size", "scheduler"]),
        st.integers(0, 9) | st.lists(st.integers(0, 9), max_size=3) | st.sampled_from(["1-4", "64x64", "euler"]),
        min_size=1,
        max_size=3,
    )
)
def test_settings_alone_make_a_manifest(render: dict[str, Any]) -> None:
    """What is set one by one is what a manifest would have said, but for names that mean the same: the last counts."""
    data: dict[str, Any] = {}
    apply(data, [f"render.{name}={json.dumps(value).strip(chr(34))}" for name, value in render.items()])
    both = {"steps", "sample_steps"} <= set(render)
    expected = dict(render)
    if both:
        del expected[next(name for name in render if name in {"steps", "sample_steps"})]
    assert data == {"render": expected}
