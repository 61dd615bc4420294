"""Models looked up, defaults filled in, and the step policy: warn, strict, clamp."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from farm.errors import ManifestError
from farm.manifest.model import load
from farm.manifest.space import Space
from farm.plan.resolve import resolve_space
from farm.steps.policy import Verdict

COMMIT = "0123456789" * 4


def judged(*, step_policy: str = "warn", **render: Any) -> tuple[list[int], list[Verdict]]:
    """The steps of every task and the verdicts on them."""
    fields = {"model": "org/stable-diffusion-v1-5", "revision": COMMIT, "prompt": "a mug"} | render
    space, verdicts = resolve_space(load({"render": fields, "run": {"step_policy": step_policy}}))
    return [task.steps for task in space], verdicts


def table(tmp_path: Path, *rows: dict[str, Any]) -> Path:
    """A table of tasks."""
    path = tmp_path / "tasks.jsonl"
    path.write_text("\n".join(json.dumps({"prompt": "a"} | row) for row in rows), encoding="utf-8")
    return path


def test_a_model_gives_its_size_steps_and_fingerprint(space_of: Callable[..., Space]) -> None:
    """What nobody gave is what suits the model; a folder's revision is its content."""
    (task,) = space_of(model="builtin:shapes")
    assert (task.width, task.height, task.steps) == (64, 64, 20)
    assert task.pipeline.model == "builtin:shapes"
    assert len(task.pipeline.revision or "") == 40
    (remote,) = space_of(model="org/sdxl-thing")
    assert (remote.width, remote.height, remote.steps) == (1024, 1024, 25)
    assert remote.pipeline.revision is None


def test_each_model_of_an_axis_gets_its_own_defaults(space_of: Callable[..., Space]) -> None:
    """Size and steps move to the model's axis when nobody gave them."""
    space = space_of(model=["org/sdxl-thing", "org/flux-schnell", "builtin:shapes"], prompt=["a", "b"])
    assert [(task.width, task.steps) for task in space] == [(1024, 25)] * 2 + [(1024, 3)] * 2 + [(64, 20)] * 2
    assert [task.pipeline.revision is None for task in space] == [True] * 4 + [False] * 2


def test_rows_without_steps_take_their_models(tmp_path: Path) -> None:
    """An empty cell is filled from the model of its row."""
    path = table(
        tmp_path,
        {"model": "org/sdxl-x", "steps": 30, "size": "512x512"},
        {"model": "org/flux-schnell"},
        {"model": "org/sdxl-x"},
    )
    space, _ = resolve_space(load(path))
    assert [(task.steps, task.width) for task in space] == [(30, 512), (3, 1024), (25, 1024)]


def test_rows_without_steps_under_several_models(tmp_path: Path) -> None:
    """Where the models stand on another axis, one default must suit them all."""
    path = table(tmp_path, {"steps": 30}, {})
    one = resolve_space(load(path, overrides=["render.model=[org/sdxl-a, org/sdxl-b]"]))[0]
    assert [task.steps for task in one] == [30, 30, 25, 25]
    with pytest.raises(ManifestError, match=r"render\.steps: must be given in every row"):
        resolve_space(load(path, overrides=["render.model=[org/sdxl-a, org/flux-dev]"]))


def test_a_revision_belongs_to_a_hub_model(space_of: Callable[..., Space]) -> None:
    """It is kept for one, on its own axis too, and refused for a folder."""
    assert {task.pipeline.revision for task in space_of(revision=["a", "b"])} == {"a", "b"}
    (task,) = space_of(revision="a")
    assert task.pipeline.revision == "a"
    for revision in ("a", ["a", "b"]):
        with pytest.raises(ManifestError, match=r"render\.revision.*remove it"):
            space_of(model="builtin:shapes", revision=revision)


def test_steps_in_range_are_nothing_to_talk_about() -> None:
    """No verdict for what everybody does."""
    assert judged(steps=[10, 25], scheduler="euler") == ([10, 25], [])


def test_steps_out_of_range_are_a_warning() -> None:
    """The steps are kept, and the sentence says what the family works with."""
    steps, (verdict,) = judged(steps=[4, 8, 25])
    assert steps == [4, 8, 25]
    assert verdict.level == "warning"
    assert verdict.message == "Steps 4, 8 below 10: SD 1.5 and 2.x works from 10 to 150, best at 25-30."


def test_a_distilled_model_with_many_steps() -> None:
    """Both ends are said at once, and that more can hurt."""
    _, (verdict,) = judged(model="org/flux-schnell", steps=[4, 30])
    assert "30 above 4" in verdict.message
    assert "can hurt" in verdict.message


def test_strict_makes_it_an_error() -> None:
    """With the line of the steps."""
    with pytest.raises(ManifestError) as caught:
        judged(steps=4, step_policy="strict")
    assert caught.value.field == "render.steps"
    assert "below 10" in caught.value.message
    assert judged(steps=20, step_policy="strict") == ([20], [])


def test_clamp_moves_to_the_nearest_bound_and_says_so() -> None:
    """Every image is still made."""
    steps, (verdict,) = judged(model="org/flux-dev", steps=[4, 30, 80], step_policy="clamp")
    assert steps == [20, 30, 50]
    assert verdict.level == "note"
    assert "Moved to the nearest bound" in verdict.message


def test_clamp_follows_the_model_of_a_row(tmp_path: Path) -> None:
    """One table may hold models of several families."""
    path = table(tmp_path, {"model": "org/flux-schnell", "steps": 30}, {"model": "org/sdxl-x", "steps": 4})
    space, _ = resolve_space(load(path, overrides=["run.step_policy=clamp"]))
    assert [task.steps for task in space] == [4, 10]


def test_clamp_of_a_product_of_families_is_refused() -> None:
    """One axis of steps cannot be moved two ways."""
    with pytest.raises(ManifestError, match="give each family its own job"):
        judged(model=["org/flux-schnell", "org/sdxl-x"], steps=[4, 30], step_policy="clamp")


def test_the_family_can_be_said(space_of: Callable[..., Space]) -> None:
    """For a model whose name says nothing; a family that is none gets the nearest name."""
    (task,) = space_of(model="org/thing", family="flux-schnell")
    assert (task.steps, task.width) == (3, 1024)
    with pytest.raises(ManifestError, match=r"render\.family.*did you mean sdxl"):
        space_of(model="org/thing", family="sdxxl")


def test_notes_on_samplers() -> None:
    """A converged sampler and one that never converges get a note each."""
    _, found = judged(steps=[20, 40], scheduler=["euler", "euler-a"])
    assert [verdict.level for verdict in found] == ["note", "note"]
    assert "Euler adds little above 25 steps" in found[0].message
    assert "Euler a never converges" in found[1].message


def test_a_scheduler_must_fit_a_local_model(space_of: Callable[..., Space]) -> None:
    """At plan time, with what would fit."""
    with pytest.raises(ManifestError, match=r"render\.scheduler: flow-euler does not fit builtin:shapes"):
        space_of(model="builtin:shapes", scheduler=["ddim", "flow-euler"])
    with pytest.raises(ManifestError, match=r"take default, flow-euler, flow-heun"):
        space_of(model="org/flux-dev", scheduler="ddim")
    assert len(space_of(model="org/flux-dev", scheduler=["default", "flow-euler"])) == 2


def test_a_model_that_cannot_be_told_takes_any_scheduler(space_of: Callable[..., Space]) -> None:
    """The worker will see."""
    assert len(space_of(model="org/thing", scheduler=["ddim", "flow-euler"])) == 2


def test_spacing_has_no_meaning_for_flow(space_of: Callable[..., Space]) -> None:
    """It is refused, not ignored."""
    with pytest.raises(ManifestError, match=r"render\.timestep_spacing"):
        space_of(model="org/flux-dev", timestep_spacing="trailing")
    (task,) = space_of(model="builtin:shapes", timestep_spacing="leading")
    assert task.timestep_spacing == "leading"


def test_sizes_that_a_pipeline_would_round_are_refused(space_of: Callable[..., Space]) -> None:
    """FLUX packs latents two by two: 1000 would come out as 992."""
    with pytest.raises(ManifestError, match="multiple of 16 for org/flux-dev, such as 992 or 1008, not 1000"):
        space_of(model="org/flux-dev", size="1000x1024")
    assert len(space_of(model="org/sdxl-x", size="1000x1024")) == 1


def test_a_model_that_is_not_there_names_its_line(tmp_path: Path) -> None:
    """The error of the model is an error of the manifest."""
    path = tmp_path / "job.yaml"
    path.write_text("render:\n  prompt: a\n  model: ./nothing\n", encoding="utf-8")
    with pytest.raises(ManifestError) as caught:
        resolve_space(load(path))
    assert (caught.value.file, caught.value.line, caught.value.field) == (str(path), 3, "render.model")


def test_a_revision_that_may_move_is_noted_once() -> None:
    """A model of the Hub without a commit; a commit and a local folder are pinned."""

    def unpinned(**render: Any) -> list[str]:
        verdicts = judged(**render)[1]
        return [verdict.message for verdict in verdicts if "not pinned" in verdict.message]

    (note,) = unpinned(revision=None, seed="1-4", steps=[20, 30])
    assert note.startswith("Revision main of org/stable-diffusion-v1-5 is not pinned: ")
    assert "Revision v1.0 of org/sdxl-one" in unpinned(model="org/sdxl-one", revision="v1.0")[0]
    assert unpinned() == []
    assert unpinned(model="builtin:shapes", revision=None) == []
    assert len(unpinned(model=["org/sdxl-one", "org/flux-dev", "builtin:shapes"], revision=None)) == 2


@pytest.fixture
def schnell(tmp_path: Path) -> str:
    """A folder as FLUX.1 schnell has it, without a single real weight."""
    folder = tmp_path / "schnell"
    (folder / "transformer").mkdir(parents=True)
    index = {"_class_name": "FluxPipeline", "transformer": ["diffusers", "FluxTransformer2DModel"]}
    (folder / "model_index.json").write_text(json.dumps(index), encoding="utf-8")
    (folder / "transformer" / "config.json").write_text('{"guidance_embeds": false}', encoding="utf-8")
    (folder / "transformer" / "model.safetensors").write_bytes((2).to_bytes(8, "little") + b"{}")
    return str(folder)


@pytest.mark.parametrize(
    "fields", [{"negative_prompt": "blurry"}, {"negative_prompt": ["", "blurry"]}, {"guidance_scale": [0, 3.5]}]
)
def test_what_a_model_would_ignore_is_refused(
    space_of: Callable[..., Space], schnell: str, fields: dict[str, Any]
) -> None:
    """As a constant or on an axis: nobody waits a night for pictures that an option had no part in."""
    (name,) = fields
    with pytest.raises(
        ManifestError, match=rf"render\.{name}: has no effect on .*schnell, a FluxPipeline: leave it out"
    ):
        space_of(model=["builtin:shapes", schnell], **fields)


def test_what_asks_for_nothing_is_not_refused(space_of: Callable[..., Space], schnell: str, tmp_path: Path) -> None:
    """No guidance and no negative prompt; and a row's negative prompt is only asked of its own model."""
    assert len(space_of(model=schnell, negative_prompt="", guidance_scale=[0, 1])) == 2
    rows: list[dict[str, Any]] = [{"model": schnell}]
    rows += [{"model": "builtin:shapes", "negative_prompt": "blurry", "guidance_scale": 5}]
    assert len(resolve_space(load(table(tmp_path, *rows)))[0]) == 2
