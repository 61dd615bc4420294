"""A sampler and its schedule in two columns."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from farm.errors import ManifestError
from farm.manifest.model import load

Write = Callable[[str, str | bytes], Path]
RowsOf = Callable[..., list[dict[str, Any]]]


@pytest.mark.parametrize(
    ("header", "cells", "expected"),
    [
        ("sampler_name,scheduler", "dpmpp_2m,karras", "dpm++2m-karras"),
        ("sampler_name,scheduler", "euler_ancestral,normal", "euler-a"),
        ("scheduler,sampler_name", "simple,euler", "euler"),
        ("Sampler,Schedule type", "DPM++ 2M SDE,Karras", "dpm++2m-sde-karras"),
        ("Sampler,Schedule type", "DPM++ 2M Karras,Karras", "dpm++2m-karras"),
        ("Sampler,Schedule type", "Euler a,Automatic", "euler-a"),
        ("sampler_name,scheduler", "uni_pc,", "unipc"),
        ("sampler_name,scheduler", ",heun", "heun"),
        ("sampler_name,scheduler", ",", "default"),
    ],
)
def test_two_columns_mean_one_scheduler(write: Write, rows_of: RowsOf, header: str, cells: str, expected: str) -> None:
    """As ComfyUI and A1111 write them, in either order."""
    path = write("tasks.csv", f"prompt,{header}\na,{cells}\n")
    made = load(path, overrides=["render.model=org/thing"])
    assert rows_of(made, "scheduler") == [{"scheduler": expected}]
    assert not made.notes


def test_a_pair_that_there_is_not(write: Write) -> None:
    """The line, the sampler's column and what is near."""
    path = write("tasks.csv", "prompt,sampler_name,scheduler\na,euler,karras\na,euler_ancestral,karras\n")
    with pytest.raises(ManifestError, match=r":3: sampler_name: 'euler_ancestral karras' is no scheduler: .*euler-a"):
        load(path, overrides=["render.model=org/thing"])


def test_a_cell_that_is_no_text(write: Write) -> None:
    """In JSON a cell may be anything."""
    path = write("tasks.jsonl", '{"prompt": "a", "sampler_name": "euler", "scheduler": 3}\n')
    with pytest.raises(ManifestError, match=":1: sampler_name: must be text, and 3 is not"):
        load(path, overrides=["render.model=org/thing"])
