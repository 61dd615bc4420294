import json
from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from farm.manifest.task import PipelineKey, RenderTask
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


@given(
    st.text(max_size=40), st.text(max_size=40), st.text(st.characters(codec="utf-8"), max_size=20),
    st.integers(0, 2**64 - 1), st.none() | st.floats(0, 30),
)  # fmt: skip
def test_the_last_line_can_always_be_read(
    prompt: str, negative: str, model: str, seed: int, guidance: float | None
) -> None:
    """Whatever the prompts and the model's name hold, the settings are pairs that split at commas and colons."""
    task = RenderTask(
        index=0, pipeline=PipelineKey("m"), prompt=prompt, negative_prompt=negative, seed=seed, steps=7,
        scheduler="default", timestep_spacing=None, guidance_scale=guidance, width=64, height=128,
    )  # fmt: skip
    origin = Origin(job="j", sampler="Euler", guidance_scale=None, model=model, model_hash="0123456789")
    text = parameters(task, origin)
    assert text.startswith(prompt)
    found = dict(pair.split(": ", 1) for pair in text.rsplit("\n", 1)[-1].split(", "))
    assert (found["Steps"], found["Seed"], found["Size"]) == ("7", str(seed), "64x128")
    assert ("CFG scale" in found) == (guidance is not None)
    assert set(found) <= {"Steps", "Sampler", "CFG scale", "Seed", "Size", "Model hash", "Model"}
