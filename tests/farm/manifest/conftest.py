"""Manifests from a few words."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from farm.manifest.model import Manifest, load
from farm.manifest.space import Space


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str, str | bytes], Path]:
    """Write a file of the test's own."""

    def make(name: str, text: str | bytes) -> Path:
        path = tmp_path / name
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return path

    return make


@pytest.fixture
def render_of() -> Callable[..., Manifest]:
    """The manifest of some render fields."""

    def make(**render: Any) -> Manifest:
        return load({"render": {"model": "org/thing", "prompt": "a mug"} | render})

    return make


@pytest.fixture
def rows_of() -> Callable[..., list[dict[str, Any]]]:
    """What a manifest spans before models are looked at: the values of some fields, task by task."""

    def make(manifest: Manifest, *fields: str) -> list[dict[str, Any]]:
        space = Space(manifest.render.constants, manifest.render.factors)
        found = []
        for index in range(len(space)):
            values = dict(space.constants)
            for factor, row in zip(space.factors, space.rows(index), strict=True):
                values |= factor.row(row)
            found.append({name: values.get(name) for name in fields})
        return found

    return make
