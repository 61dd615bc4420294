from collections.abc import Callable
from typing import Any

import pytest

from farm.errors import RenderError
from farm.manifest.task import RenderTask
from workers.batch import Batcher, Failure
from workers.pipeline import Loaded
from workers.refusals import told

MakeTask = Callable[..., RenderTask]
LoadShape = Callable[[str], Loaded]


class Scheduler:
    """Refuses what it is told."""

    complaint: Exception | None = None

    def set_timesteps(self, steps: int) -> int:
        """As many as asked for."""
        if self.complaint:
            raise self.complaint
        return steps


class Pipe:
    """Checks, sets timesteps, and may fail on its own."""

    def __init__(self, **complaints: Exception) -> None:
        self.complaints, self.scheduler = complaints, Scheduler()
        self.scheduler.complaint = complaints.get("scheduler")

    def check_inputs(self) -> None:
        """Refuse."""
        if "check" in self.complaints:
            raise self.complaints["check"]

    def __call__(self) -> int:
        """Everything in turn."""
        self.check_inputs()
        steps = self.scheduler.set_timesteps(3)
        if "own" in self.complaints:
            raise self.complaints["own"]
        return steps


@pytest.mark.parametrize(
    ("complaints", "said"),
    [
        (
            {"check": ValueError("height has to be\n  divisible by 8.")},
            "the task for m: height has to be divisible by 8.",
        ),
        ({"check": TypeError("prompt is none")}, "prompt is none"),
        ({"scheduler": ValueError("60 is more than 50")}, "60 is more than 50"),
        (
            {"scheduler": TypeError("X.set_timesteps() got an unexpected keyword argument 'y'")},
            "Scheduler cannot run its schedule, use scheduler default instead",
        ),
        ({"own": ValueError("X does not support custom sigmas")}, "Scheduler cannot run its schedule"),
    ],
)
def test_what_is_refused_before_the_first_step_is_certain(complaints: dict[str, Exception], said: str) -> None:
    """The pipeline's own words, as one sentence; every worker would hear the same."""
    with pytest.raises(RenderError) as caught, told(pipe := Pipe(**complaints), model="m"):
        pipe()
    assert str(caught.value).startswith("Pipe refuses the task for m: ")
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_other_errors_are_not_taken_for_a_refusal() -> None:
    """A value error in the middle may be chance."""
    with (
        pytest.raises(ValueError, match="in the middle"),
        told(pipe := Pipe(own=ValueError("in the middle")), model="m"),
    ):
        pipe()


def test_the_pipeline_is_left_as_it_was() -> None:
    """And answers as ever in the meantime."""
    pipe: Any = Pipe()
    with told(pipe, model="m"):
        assert pipe() == 3
    assert set(vars(pipe)) == {"complaints", "scheduler"}
    assert set(vars(pipe.scheduler)) == {"complaint"}


@pytest.mark.parametrize(
    ("name", "fields", "said"),
    [
        ("sd15", {"scheduler": "lcm", "steps": 60}, "smaller than 50"),
        ("sd3", {"width": 44, "height": 40}, "divisible by 8"),
    ],
)
def test_real_pipelines_refuse_in_their_own_words(
    shape: LoadShape, make_task: MakeTask, name: str, fields: dict[str, Any], said: str
) -> None:
    """A batch fails at once and for good, without a step having been run."""
    loaded = shape(name)
    seen: list[int] = []
    (found,) = Batcher().run(loaded, [make_task(loaded.key, **fields)] * 2, start=0, on_step=seen.append)
    assert seen == []
    assert isinstance(found, Failure)
    assert (found.start, found.stop, found.certain) == (0, 2, True)
    assert said in found.message
