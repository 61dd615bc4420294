"""What can only be said once models and names are looked at: one sentence, with the file and the line."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from farm.errors import ManifestError
from farm.manifest.axes import DEFAULTS
from farm.manifest.model import load
from farm.plan.plan import make_plan

INDEX = {"_class_name": "StableDiffusionPipeline", "unet": ["diffusers", "UNet2DConditionModel"]}
GOOD = (2).to_bytes(8, "little") + b"{}"


@pytest.fixture
def plan_file(tmp_path: Path) -> Callable[[str], Any]:
    """Plan a manifest written as text, beside a model folder ``mugs``."""
    unet = tmp_path / "mugs" / "unet"
    unet.mkdir(parents=True)
    (unet / "model.safetensors").write_bytes(GOOD)
    (tmp_path / "mugs" / "model_index.json").write_text(json.dumps(INDEX), encoding="utf-8")

    def make(text: str) -> Any:
        path = tmp_path / "job.yaml"
        path.write_text(text, encoding="utf-8")
        return make_plan(load(path))

    return make


@pytest.mark.parametrize(
    ("text", "place", "said"),
    [
        ("render:\n  prompt: a\n  model: mags\n", "3: render.model", "there is no folder 'mags'"),
        ("render:\n  prompt: a\n  model: [mugs, mags]\n", "3: render.model", "there is no folder 'mags'"),
        ("render:\n  model: mugs\n  prompt: a\n  variant: fp16\n", "2: render.model", "no weights of the variant fp16"),
        ("render:\n  model: mugs\n  revision: x\n  prompt: a\n", "3: render.revision", "remove it"),
        ("render:\n  model: mugs\n  family: sdd\n  prompt: a\n", "3: render.family", "did you mean sd?"),
        ("render:\n  model: mugs\n  scheduler: flow-euler\n  prompt: a\n", "3: render.scheduler", "does not fit"),
        (
            "render:\n  model: mugs\n  prompt: a\n  steps:\n    - 4\nrun: {step_policy: strict}\n",
            "4: render.steps",
            "below 10",
        ),
        (
            "render:\n  model: mugs\n  prompt: [a, b]\noutput:\n  name: x\n",
            "5: output.name",
            "pictures 0 and 1 the same name 'x.png'",
        ),
        ("render:\n  model: mugs\n  prompt: a\noutput:\n  name: '{idx}'\n", "5: output.name", "did you mean index"),
        ("render:\n  model: mugs\n  prompt: a\noutput:\n  name: '{custom_id}'\n", "5: output.name", "a task has none"),
    ],
)
def test_the_line_is_named(plan_file: Callable[[str], Any], tmp_path: Path, text: str, place: str, said: str) -> None:
    """Of the field that has to change."""
    with pytest.raises(ManifestError, match=re.escape(said)) as caught:
        plan_file(text)
    assert str(caught.value).startswith(f"{tmp_path / 'job.yaml'}:{place}: ")


def test_a_model_that_breaks_is_told_at_the_next_plan(plan_file: Callable[[str], Any], tmp_path: Path) -> None:
    """A truncated download costs a sentence, not a night."""
    text = "render:\n  model: mugs\n  prompt: a\n"
    job_id = plan_file(text).job_id
    weights = tmp_path / "mugs" / "unet" / "model.safetensors"
    weights.write_bytes(GOOD[:-1])
    with pytest.raises(ManifestError, match=r"2: render\.model: unet of 'mugs' has a broken file"):
        plan_file(text)
    weights.write_bytes(GOOD)
    assert plan_file(text).job_id == job_id
    (tmp_path / "mugs" / "unet" / "config.json").write_text("{}", encoding="utf-8")
    assert plan_file(text).job_id != job_id


_SCALARS = st.none() | st.booleans() | st.integers(-2, 200) | st.floats(width=16) | st.text("aé{}/.1-*(), ", max_size=6)
_VALUES = _SCALARS | st.lists(_SCALARS, max_size=3)
_FIELDS = {
    "render": [*DEFAULTS, "size", "family", "combine", "meta", "prompt"],
    "run": ["priority", "batch", "range", "step_policy", "max_attempts", "min_vram_gb"],
    "output": ["name", "format", "prompt_metadata"],
}


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_whatever_is_written_is_a_plan_or_a_sentence(data: st.DataObject) -> None:
    """No combination of fields and values ends in anything else, and a plan that was made holds together."""
    document: dict[str, Any] = {"render": {"model": "org/sdxl-a", "prompt": "a"}, "run": {}, "output": {}}
    for section, names in _FIELDS.items():
        document[section] |= data.draw(st.dictionaries(st.sampled_from(names), _VALUES, max_size=2))
    try:
        plan = make_plan(load(document))
    except ManifestError as error:
        assert re.fullmatch(".{1,1000}", str(error))  # noqa: PT017 either way is fine
    else:
        assert plan.images == len(plan.tasks(0, plan.images)) > 0
        names = [plan.image_name(task) for task in plan.tasks(0, plan.images)]
        assert len(set(names)) == len(names)
