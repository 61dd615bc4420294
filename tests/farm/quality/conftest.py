"""Planned sweeps, and pictures for them that come closer to one another as steps rise."""

import io
from typing import Any

import numpy as np
import pytest
from PIL import Image

from farm.client import Farm
from farm.manifest.task import RenderTask
from farm.plan.plan import Plan
from farm.store import keys
from farm.store.memory import MemoryStore


def plan_of(**render: Any) -> Plan:
    """A sweep of two prompts and two seeds over four step counts, unless told otherwise."""
    usual = {"model": "builtin:shapes", "prompt": ["a star", "a ring"], "seed": "1-2", "steps": [5, 10, 20, 40]}
    return Farm.plan({"name": "sweep", "render": usual | render})


def picture(task: RenderTask, *, size: tuple[int, int] = (64, 64), fresh: bool = False) -> bytes:
    """A gradient with noise of its seed that fades as one over steps; where fresh, with noise that never fades."""
    chance = np.random.default_rng([task.seed, task.steps * fresh])
    strength = 40.0 if fresh else 12.0 / task.steps
    noise = chance.normal(0.0, strength, (size[1], size[0], 3))
    pixels = np.linspace(40, 200, size[0])[None, :, None] + noise
    out = io.BytesIO()
    Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)).save(out, "PNG")
    return out.getvalue()


def store_of(plan: Plan, **look: Any) -> MemoryStore:
    """A store with every picture of a plan."""
    store = MemoryStore()
    for task in plan.tasks(0, plan.images):
        store.put(keys.image(plan.job_id, plan.image_name(task)), picture(task, **look))
    return store


@pytest.fixture(scope="session")
def sweep() -> Plan:
    """The usual sweep; nobody changes it."""
    return plan_of()
