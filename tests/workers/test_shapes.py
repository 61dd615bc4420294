"""Pipelines of every shape through the worker's rooms: the picture is the pipeline's own, and every pass is counted."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

from farm.ledger.values import Signal
from farm.manifest.task import RenderTask
from farm.models import resolve
from farm.steps.schedulers import denoiser_calls
from farm.steps.trained import Trained
from tests.shapes import ROUNDING, SHAPES, TWO_PASSES, make
from tests.shapes.plain import draw
from workers.batch import Batcher, Failure
from workers.lease import StoppedError
from workers.pipeline import Loaded
from workers.render import Rendered

MakeTask = Callable[..., RenderTask]
LoadShape = Callable[[str], Loaded]

#: Shapes that take no negative prompt.
UNGUIDED = {"flux", "schnell", "lcm"}
#: One scheduler of each way to count, beside the pipeline's own.
SCHEDULERS = ("default", "euler", "heun", "pndm", "dpm++2m", "dpm2-a", "lcm", "flow-euler", "flow-heun")
#: Prompts of different length; one is longer than any tokenizer here takes, and one is empty.
PROMPTS = ("a cat", "a small dog that runs over the hills at dusk", "", "many words " * 60)


def rendered(loaded: Loaded, tasks: Sequence[RenderTask], on_step: Any = lambda _step: None) -> list[Rendered]:
    """Tasks of one batch key, in as many calls as the worker makes of them."""
    found = list(Batcher().run(loaded, tasks, start=0, on_step=on_step))
    assert not [each for each in found if isinstance(each, Failure)], found
    return [each for each in found if isinstance(each, Rendered)]


def pictures(loaded: Loaded, tasks: Sequence[RenderTask]) -> np.ndarray[Any, Any]:
    """The pictures, ``[n, height, width, 3]``, as signed numbers; all of them sound."""
    made = rendered(loaded, tasks)
    assert [fault for each in made for fault in each.faults] == [None] * len(tasks)
    return np.concatenate([each.pixels for each in made]).astype(int)


@pytest.mark.parametrize("name", SHAPES)
def test_a_picture_is_the_one_that_diffusers_makes(shape: LoadShape, make_task: MakeTask, name: str) -> None:
    """At the pipeline's own guidance and at another, on an oblong; and it is no plain colour."""
    loaded, pipe = shape(name), make(name)
    negative = "" if name in UNGUIDED else "blurry"
    scale = None if name == "schnell" else 3.0
    own = make_task(loaded.key, width=64, height=32, seed=5)
    other = make_task(loaded.key, width=64, height=32, seed=6, guidance_scale=scale, negative_prompt=negative)
    for task in (own, other):
        (picture,) = pictures(loaded, [task])
        assert picture.shape == (32, 64, 3)
        fields = ("prompt", "negative_prompt", "seed", "steps", "guidance_scale", "width", "height")
        expected = draw(pipe, **{name: getattr(task, name) for name in fields})
        assert np.abs(picture - expected).max() <= ROUNDING
        assert picture.std() > 1


@pytest.mark.parametrize("name", SHAPES)
def test_a_picture_is_the_same_in_any_company(shape: LoadShape, make_task: MakeTask, name: str) -> None:
    """Alone or one of eight, with other prompts, seeds and negative prompts beside it."""
    loaded = shape(name)
    negatives = ("", "") if name in UNGUIDED else ("", "blurry, and badly drawn")
    tasks = [
        make_task(
            loaded.key,
            prompt=PROMPTS[index % 4],
            negative_prompt=negatives[index // 2 % 2],
            seed=index,
            width=32,
            steps=2,
        )
        for index in range(8)
    ]
    together = pictures(loaded, tasks)
    loaded.embeds.clear()
    alone = np.concatenate([pictures(loaded, [task]) for task in tasks])
    assert np.abs(together - alone).max() <= ROUNDING


@pytest.mark.parametrize("name", SHAPES)
def test_every_pass_of_the_denoiser_is_counted(shape: LoadShape, make_task: MakeTask, name: str) -> None:
    """The record says how many there were, the table how many there would be, and progress ends at the last step."""
    loaded = shape(name)
    pipe = loaded.pipe
    trained = Trained.of(type(pipe.scheduler).__name__, pipe.scheduler.config, class_name=type(pipe).__name__)
    counted: list[Any] = []
    hook = (getattr(pipe, "unet", None) or pipe.transformer).register_forward_hook(lambda *_: counted.append(1))
    try:
        for scheduler in (each for each in SCHEDULERS if trained.why_unfit(each) is None):
            for steps in (1, 4):
                counted.clear()
                seen: list[int] = []
                tasks = [make_task(loaded.key, seed=seed, steps=steps, scheduler=scheduler, width=32, height=32,
                    prompt="a cat") for seed in (1, 2)]  # fmt: skip
                (made,) = rendered(loaded, tasks, seen.append)
                passes = 2 if name in TWO_PASSES else 1
                expected = denoiser_calls(scheduler, steps) * passes
                assert (len(counted), made.record.denoiser_calls) == (expected, expected), (scheduler, steps)
                assert (made.record.effective_steps, len(made.record.step_s)) == (steps, steps), (scheduler, steps)
                assert seen == sorted(seen)
                assert set(seen) == set(range(1, steps + 1))
                assert seen.count(steps) <= 2, (scheduler, steps)
                assert 0 < sum(made.record.step_s) <= made.record.denoise_s * 1.001
    finally:
        hook.remove()


@pytest.mark.parametrize("name", SHAPES)
def test_a_stop_ends_any_pipeline_between_two_steps(shape: LoadShape, make_task: MakeTask, name: str) -> None:
    """After two steps of fifty, and the pipeline renders the next batch."""
    loaded = shape(name)
    seen: list[int] = []

    def stop(step: int) -> None:
        seen.append(step)
        if step == 2:
            raise StoppedError(Signal.CANCEL)

    with pytest.raises(StoppedError):
        rendered(loaded, [make_task(loaded.key, steps=50)], stop)
    assert seen == [1, 2]
    assert pictures(loaded, [make_task(loaded.key, steps=1)]).shape == (1, 64, 64, 3)


@pytest.mark.parametrize("name", SHAPES)
def test_a_size_that_the_plan_lets_pass_is_drawn(shape: LoadShape, make_task: MakeTask, name: str) -> None:
    """Odd multiples of what the farm asks for, tall and wide: no pipeline rounds or refuses them."""
    loaded = shape(name)
    multiple = resolve(loaded.key.model).multiple
    for width, height in ((3 * multiple, multiple), (multiple, 5 * multiple)):
        task = make_task(loaded.key, width=width, height=height, steps=1)
        assert pictures(loaded, [task]).shape == (1, height, width, 3)
