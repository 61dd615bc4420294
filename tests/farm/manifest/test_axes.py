"""The render section: constants, axes, and how combine puts them together."""

import re
from collections.abc import Callable
from typing import Any

import pytest

from farm.errors import ManifestError
from farm.manifest.axes import DEFAULTS, MAX_IMAGES
from farm.manifest.model import Manifest

Make = Callable[..., Manifest]
Rows = Callable[..., list[dict[str, Any]]]


def values(rows_of: Rows, manifest: Manifest, *fields: str) -> list[tuple[Any, ...]]:
    """The values of some fields, task by task."""
    return [tuple(row.values()) for row in rows_of(manifest, *fields)]


def test_what_nobody_gave_is_known(render_of: Make) -> None:
    """A manifest of a model and a prompt is a job of one image."""
    render = render_of().render
    assert render.factors == []
    assert render.constants == {**DEFAULTS, "model": "org/thing", "prompt": "a mug"}


def test_fields_given_as_several_are_axes(render_of: Make, rows_of: Rows) -> None:
    """Their product, in the order written, the last varying fastest."""
    manifest = render_of(prompt=["a", "b"], seed="1-2", steps=20, scheduler=["euler"])
    assert values(rows_of, manifest, "prompt", "seed", "steps", "scheduler") == [
        ("a", 1, 20, "euler"),
        ("a", 2, 20, "euler"),
        ("b", 1, 20, "euler"),
        ("b", 2, 20, "euler"),
    ]
    assert len(manifest.render.factors) == 3


@pytest.mark.parametrize("name", ["steps", "num_inference_steps", "inference_steps", "sample_steps", "quality_steps"])
def test_every_name_of_the_steps(render_of: Make, name: str) -> None:
    """They all mean the same, and two of them are one too many."""
    assert render_of(**{name: 30}).render.constants["steps"] == 30
    other = "steps" if name != "steps" else "sample_steps"
    with pytest.raises(ManifestError, match=rf"render\.{name}: means the same as render\.{other}: give one"):
        render_of(**{other: 20, name: 30})


def test_sizes(render_of: Make, rows_of: Rows) -> None:
    """One size, several, or two edges; an axis of edges multiplies."""
    assert values(rows_of, render_of(size="64x128"), "width", "height") == [(64, 128)]
    assert values(rows_of, render_of(size=["64x128", "8x16"]), "width", "height") == [(64, 128), (8, 16)]
    assert values(rows_of, render_of(width=[8, 16], height=[8, 16]), "width", "height") == [
        (8, 8),
        (8, 16),
        (16, 8),
        (16, 16),
    ]


@pytest.mark.parametrize(
    ("render", "said"),
    [
        ({"size": "8x8", "width": 8, "height": 8}, "render.width: is given beside render.size"),
        ({"width": 8}, "render.width: is given alone: give render.height too"),
        ({"height": 8}, "render.height: is given alone: give render.width too"),
        ({"stepz": 8}, "render.stepz: unknown key 'stepz': did you mean 'steps'?"),
        ({"image": "a.png"}, "render.image: image is known but not supported yet: remove it."),
        ({"mask": "a.png"}, "mask is known but not supported yet"),
        ({"strength": 0.5}, "strength is known but not supported yet"),
        ({"outpaint": {}}, "outpaint is known but not supported yet"),
        ({"loras": []}, "loras is known but not supported yet"),
        ({"steps": []}, "render.steps: is an empty axis"),
        ({"steps": [8, 0]}, "render.steps.1: must be a whole number from 1 to 150, and 0 is not"),
        ({"steps": [[8]]}, "render.steps.0: must be a whole number from 1 to 150, and a list is not"),
        ({"prompt": None}, "render.prompt: must be text, and None is not"),
        ({"prompt": []}, "render.prompt: is an empty axis"),
        ({"meta": [1]}, "render.meta: must be a mapping"),
        ({"family": ["sdxl"]}, "render.family: must be the name of one family"),
        ({"seed": "0-99999999999"}, "render: asks for 100,000,000,000 images; a job holds at most 100,000,000"),
        ({"seed": "0-18446744073709551615"}, "images; a job holds at most"),
        ({"seed": "0-99999", "prompt": ["a"] * 1001}, "asks for 100,100,000 images"),
    ],
)
def test_what_is_refused(render_of: Make, render: dict[str, Any], said: str) -> None:
    """By the path of the field."""
    with pytest.raises(ManifestError, match=re.escape(said)):
        render_of(**render)


def test_a_field_that_is_null_is_one_that_nobody_gave(render_of: Make) -> None:
    """An empty value in YAML is no value."""
    assert render_of(seed=None, steps=None, size=None).render.constants["steps"] is None


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("(prompt, seed) * steps", [("a", 1, 10), ("a", 1, 20), ("b", 2, 10), ("b", 2, 20)]),
        ("steps * (prompt, seed)", [("a", 1, 10), ("b", 2, 10), ("a", 1, 20), ("b", 2, 20)]),
        ("(prompt, seed, steps)", [("a", 1, 10), ("b", 2, 20)]),
        ("(prompt, (seed, steps))", [("a", 1, 10), ("b", 2, 20)]),
        ("(seed, num_inference_steps) * prompt", [("a", 1, 10), ("b", 1, 10), ("a", 2, 20), ("b", 2, 20)]),
    ],
)
def test_combine(render_of: Make, rows_of: Rows, expression: str, expected: list[tuple[Any, ...]]) -> None:
    """Products and zips, the last factor varying fastest."""
    manifest = render_of(prompt=["a", "b"], seed=[1, 2], steps=[10, 20], combine=expression)
    assert values(rows_of, manifest, "prompt", "seed", "steps") == expected


def test_a_product_inside_a_zip(render_of: Make, rows_of: Rows) -> None:
    """Four seeds beside every pair of two prompts and two step counts; a prompt keeps its own number."""
    manifest = render_of(
        prompt=["a", "b"],
        steps=[10, 20],
        seed="1-4",
        scheduler=["euler", "ddim"],
        combine="(prompt*steps, seed)*scheduler",
    )
    found = values(rows_of, manifest, "prompt", "steps", "seed", "scheduler", "prompt_index")
    assert found[::2] == [
        ("a", 10, 1, "euler", 0),
        ("a", 20, 2, "euler", 0),
        ("b", 10, 3, "euler", 1),
        ("b", 20, 4, "euler", 1),
    ]


def test_a_constant_is_an_axis_of_one(render_of: Make, rows_of: Rows) -> None:
    """So that --set render.steps=20 leaves a manifest's combine alone."""
    manifest = render_of(prompt=["a", "b"], steps=20, combine="prompt * steps")
    assert values(rows_of, manifest, "prompt", "steps") == [("a", 20), ("b", 20)]


@pytest.mark.parametrize(
    ("expression", "said"),
    [
        ("prompt * seed", "leaves out steps; every axis belongs in it once"),
        ("prompt", "leaves out seed and steps"),
        ("prompt * seed * steps * seed", "uses seed twice"),
        ("prompt * seed * steps * sample_steps", "uses sample_steps twice"),
        ("(prompt, seed) * steps", "unequal lengths side by side: prompt has 2, seed has 3"),
        ("(prompt * steps, seed)", "prompt * steps has 4, seed has 3"),
        ("prompt * seed * steps * model * thing", "uses thing, which is no axis here"),
        ("prompt *", "ends too early"),
        (7, "must be text, and 7 is not"),
        ("", "must be a name on one line"),
    ],
)
def test_combine_that_is_wrong(render_of: Make, expression: Any, said: str) -> None:
    """Every axis exactly once, and zips of one length."""
    with pytest.raises(ManifestError, match=re.escape(said)) as caught:
        render_of(prompt=["a", "b"], seed=[1, 2, 3], steps=[10, 20], combine=expression)
    assert caught.value.field == "render.combine"


def test_a_product_in_a_zip_has_a_bound(render_of: Make) -> None:
    """It would have to be written out."""
    with pytest.raises(ManifestError, match="a product of 40,000,000 rows inside parentheses"):
        render_of(prompt=["a"] * 4, seed="1-10000000", steps=[1], combine="(prompt * seed, steps)")
    assert MAX_IMAGES == 100_000_000
