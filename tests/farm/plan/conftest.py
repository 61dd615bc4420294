"""Plans from a few words."""

from collections.abc import Callable
from typing import Any

import pytest

from farm.manifest.model import load
from farm.manifest.space import Space
from farm.plan.plan import Plan, make_plan
from farm.plan.resolve import resolve_space

#: Models that are not at hand, one per family: nothing is read from disk.
HUB = ("org/sdxl-one", "org/flux-dev", "org/stable-diffusion-v1-5")


@pytest.fixture
def plan_of() -> Callable[..., Plan]:
    """Make a plan: render fields as keyword arguments, ``run`` and ``output`` as mappings."""

    def make(*, name: str = "job", run: Any = None, output: Any = None, **render: Any) -> Plan:
        return make_plan(load(document(name=name, run=run, output=output, **render)))

    return make


@pytest.fixture
def space_of() -> Callable[..., Space]:
    """The resolved space of render fields, in the user's order."""

    def make(**render: Any) -> Space:
        return resolve_space(load(document(**render)))[0]

    return make


def document(*, name: str = "job", run: Any = None, output: Any = None, **render: Any) -> dict[str, Any]:
    """A manifest as plain values; the model is one of the Hub unless told otherwise."""
    fields = {"model": HUB[0], "prompt": "a mug"} | render
    return {"name": name, "render": fields, "run": run or {}, "output": output or {}}
