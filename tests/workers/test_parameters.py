import json
from collections.abc import Callable

from farm.manifest.task import RenderTask
from workers.parameters import Origin, parameters, resolved

MakeTask = Callable[..., RenderTask]
ORIGIN = Origin(job="job-1", sampler="DPM++ 2M Karras", guidance_scale=7.5, model="shapes", model_hash="0123456789")


def test_the_text_is_what_others_write(make_task: MakeTask) -> None:
    """Prompt, negative prompt, and one line of settings."""
    task = make_task(prompt="a cat", negative_prompt="blurry", seed=5, steps=20, guidance_scale=6.0)
    assert parameters(task, ORIGIN) == (
        "a cat\nNegative prompt: blurry\nSteps: 20, Sampler: DPM++ 2M Karras, CFG scale: 6, Seed: 5, Size: 64x64, "
        "Model hash: 0123456789, Model: shapes"
    )


def test_what_was_left_to_the_pipeline_is_said(make_task: MakeTask) -> None:
    """Its own guidance scale; nothing where it has none, and no empty negative prompt."""
    assert "CFG scale: 7.5" in parameters(make_task(), ORIGIN)
    bare = Origin(job="j", sampler="Euler", guidance_scale=None, model="m", model_hash="0")
    assert "CFG" not in parameters(make_task(), bare)
    assert "Negative" not in parameters(make_task(), bare)


def test_a_name_cannot_break_the_line(make_task: MakeTask) -> None:
    """Readers split it at commas and colons."""
    odd = Origin(job="j", sampler="Euler", guidance_scale=None, model="a,b:c", model_hash="0")
    assert parameters(make_task(), odd).endswith("Model: a b c")


def test_the_resolved_task_is_there_in_json(make_task: MakeTask) -> None:
    """Everything that decides the picture, and where it belongs."""
    task = make_task(index=3, custom_id="mine", prompt="ein Bär")
    told = json.loads(resolved(task, ORIGIN))
    assert told["task_id"] == task.task_id
    assert (told["job"], told["index"], told["custom_id"], told["prompt"]) == ("job-1", 3, "mine", "ein Bär")
    assert task.content().items() <= told.items()
