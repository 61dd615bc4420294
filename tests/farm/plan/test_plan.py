"""A plan is a permutation of its space, in groups and batches, and the same bytes every time."""

import json
import time
from collections.abc import Callable
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from farm.errors import DamagedError, ManifestError
from farm.manifest.model import load
from farm.plan.plan import Plan, Verdict, make_plan, slug
from farm.plan.ranges import batches
from farm.plan.resolve import resolve_space

MODELS = ("org/sdxl-one", "org/sdxl-two", "org/stable-diffusion-v1-5")

#: Field -> strategy of the values of its axis; repeats are allowed, as users write them.
AXES: dict[str, st.SearchStrategy[Any]] = {
    "prompt": st.lists(st.text("abc é", min_size=1, max_size=4), min_size=1, max_size=5),
    "negative_prompt": st.lists(st.sampled_from(["", "blurry"]), min_size=1, max_size=2),
    "seed": st.one_of(
        st.lists(st.integers(0, 2**64 - 1), min_size=1, max_size=4),
        st.tuples(st.integers(0, 9), st.integers(0, 5)).map(lambda ends: f"{ends[0]}-{ends[0] + ends[1]}"),
    ),
    "steps": st.lists(st.integers(1, 40), min_size=1, max_size=4),
    "scheduler": st.lists(st.sampled_from(["euler", "ddim", "default"]), min_size=1, max_size=3),
    "guidance_scale": st.lists(st.sampled_from([1.0, 5, 7.5]), min_size=1, max_size=3),
    "size": st.lists(st.sampled_from(["64x64", "512x768", "512x512"]), min_size=1, max_size=3),
    "model": st.lists(st.sampled_from(MODELS), min_size=1, max_size=3),
}


@st.composite
def renders(draw: st.DrawFn) -> dict[str, Any]:
    """A ``render`` section with some axes in some order, some of them side by side where they are of one length."""
    render: dict[str, Any] = {"prompt": "a mug", "model": MODELS[0]}
    names = draw(st.lists(st.sampled_from(sorted(AXES)), min_size=1, max_size=5, unique=True))
    for name in names:
        render.pop(name, None)
        render[name] = draw(AXES[name])
    first, second, *_ = [*names, "", ""]
    one, other = render.get(first), render.get(second)
    if draw(st.booleans()) and isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        rest = [name for name in names if name not in {first, second}]
        render["combine"] = " * ".join([f"({first}, {second})", *rest])
    return render


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(renders())
def test_a_plan_is_a_permutation_of_its_space(render: dict[str, Any]) -> None:
    """Every task of the space is in the plan exactly once, under the user's own index."""
    manifest = load({"render": render})
    plan, space = make_plan(manifest), resolve_space(manifest)[0]
    tasks = plan.tasks(0, plan.images)
    assert sorted(tasks, key=lambda task: task.index) == list(space)
    assert [task.index for task in space] == list(range(len(space)))
    assert plan.steps == sum(task.steps for task in tasks)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(renders())
def test_groups_and_batch_keys_are_contiguous(render: dict[str, Any]) -> None:
    """A group is one run of positions, and so is a batch key inside it."""
    plan = make_plan(load({"render": render}))
    tasks = plan.tasks(0, plan.images)
    runs = [(key, len(list(found))) for key, found in groupby(tasks, key=lambda task: task.batch_key)]
    assert len({key for key, _ in runs}) == len(runs)
    by_group = [(task.pipeline, task.width, task.height) for task in tasks]
    assert [(group.pipeline, group.width, group.height) for group in plan.groups] == list(dict.fromkeys(by_group))
    assert [plan.group_of(position) for position in range(plan.images)] == [
        group for group in plan.groups for _ in range(group.start, group.stop)
    ]
    assert [group.number for group in plan.groups] == list(range(len(plan.groups)))
    for group in plan.groups:
        assert {(task.pipeline, task.width, task.height) for task in plan.tasks(group.start, group.stop)} == {
            (group.pipeline, group.width, group.height)
        }


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(renders(), st.integers(1, 9), st.data())
def test_batches_cover_a_range_exactly_once(render: dict[str, Any], size: int, data: st.DataObject) -> None:
    """Batches of any range are full unless a batch key or the range ends, and each holds one key."""
    plan = make_plan(load({"render": render}))
    start = data.draw(st.integers(0, plan.images - 1))
    stop = data.draw(st.integers(start + 1, plan.images))
    cuts = list(batches(plan, start, stop, size))
    assert [position for first, last in cuts for position in range(first, last)] == list(range(start, stop))
    for first, last in cuts:
        assert len({task.batch_key for task in plan.tasks(first, last)}) == 1
        assert last - first <= size
        ends = last == stop or plan.task(last).batch_key != plan.task(last - 1).batch_key
        assert last - first == size or ends


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(renders())
def test_a_plan_survives_its_document(render: dict[str, Any]) -> None:
    """Read back, a plan gives the same tasks, groups, names and bytes."""
    plan = make_plan(load({"render": render}))
    again = Plan.from_json(plan.to_json())
    assert again.to_json() == plan.to_json()
    assert again.tasks(0, again.images) == plan.tasks(0, plan.images)
    assert (again.groups, again.verdicts, again.run, again.output) == (
        plan.groups,
        plan.verdicts,
        plan.run,
        plan.output,
    )
    assert again.summary() == plan.summary()
    assert again.sha256 == plan.sha256 == json.loads(plan.to_json())["sha256"]


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(renders())
def test_a_summary_counts_every_image(render: dict[str, Any]) -> None:
    """The groups of ``farm plan --json`` are what counting the tasks gives."""
    plan = make_plan(load({"render": render}))
    counted: dict[tuple[Any, ...], int] = {}
    for task in plan.tasks(0, plan.images):
        key = (task.pipeline.model, task.scheduler, f"{task.width}x{task.height}", task.steps)
        counted[key] = counted.get(key, 0) + 1
    found = {(each["model"], each["scheduler"], each["size"], each["steps"]): each["images"] for each in plan.summary()}
    assert found == counted
    assert all(each["effective_steps"] == each["steps"] for each in plan.summary())


def test_how_a_job_runs_and_where_it_goes_are_in_the_document(plan_of: Callable[..., Plan]) -> None:
    """A worker reads them from there."""
    run = {"priority": 7, "batch": 2, "min_vram_gb": 16, "max_attempts": 5, "step_policy": "clamp"}
    output = {"name": "{seed}_{index}", "prompt_metadata": False}
    plan = plan_of(name="mugs", run=run, output=output)
    again = Plan.from_json(plan.to_json())
    assert again.run.model_dump() == run | {"range": 8, "keep_days": None, "window": None, "finish_by": None}
    assert again.output.document() == output | {"format": "png"}
    assert (again.name, again.job_id) == ("mugs", plan.job_id)
    assert again.image_name(again.task(0)) == f"{again.task(0).seed}_0.png"


def test_the_same_manifest_is_the_same_job_to_the_byte(plan_of: Callable[..., Plan]) -> None:
    """Tomorrow too: nothing of the clock, the process or the order of a set enters a plan."""
    plans = [plan_of(prompt=["a", "b"], seed="1-3", steps=[20, 30]) for _ in range(2)]
    assert plans[0].to_json() == plans[1].to_json()
    assert len(plans[0].job_id.removeprefix("job-")) == 12


def test_how_to_run_a_job_is_not_its_identity(plan_of: Callable[..., Plan]) -> None:
    """Another priority is the same job; another picture or another name of its file is not."""
    plain = plan_of(steps=20)
    assert plan_of(steps=20, run={"priority": 80, "batch": 2}).job_id == plain.job_id
    assert plan_of(steps=21).job_id != plain.job_id
    assert plan_of(steps=20, output={"name": "x-{index}"}).job_id != plain.job_id
    assert plan_of(steps=20, output={"prompt_metadata": False}).job_id != plain.job_id
    assert plan_of(steps=20, revision="abc").job_id != plain.job_id


def test_one_list_and_one_range_are_one_job(plan_of: Callable[..., Plan]) -> None:
    """What counts is what is drawn, not how it was written."""
    ids = {plan_of(seed=seed).job_id for seed in ("1-4", [1, 2, 3, 4], "1,2-4", "1-4:1")}
    ids.add(plan_of(seed="1-4", scheduler="Default").job_id)
    assert len(ids) == 1


def test_a_prompt_file_counts_by_its_content(plan_of: Callable[..., Plan], tmp_path: Path) -> None:
    """The same prompts in another file are the same job; another prompt is another."""
    files = [tmp_path / name for name in ("one.txt", "two.txt", "three.txt")]
    for path, text in zip(files, ("a\nb\n", "a\r\n\r\nb", "a\nc\n"), strict=True):
        path.write_bytes(text.encode())
    one, two, three = (plan_of(prompt={"file": str(path)}).job_id for path in files)
    assert one == two == plan_of(prompt=["a", "b"]).job_id
    assert three != one


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Mugs overnight!", "mugs-overnight"),
        ("../../etc/passwd", "etc-passwd"),
        ("Müßiggang", "muiggang"),
        ("漢字", "job"),
        ("x" * 100, "x" * 40),
        ("a" * 39 + " b", "a" * 39),
    ],
)
def test_a_job_id_is_safe_everywhere(plan_of: Callable[..., Plan], name: str, expected: str) -> None:
    """Lower-case letters, digits and dashes: a key in S3, in Redis, and an argument on a command line."""
    assert slug(name) == expected
    assert plan_of(name=name).job_id.startswith(expected + "-")


def test_another_job_of_the_same_plan(plan_of: Callable[..., Plan]) -> None:
    """What ``--again`` submits has its own id and its own objects, and the same tasks."""
    plan = plan_of(prompt=[f"mug {number}" for number in range(1200)])
    other = plan.with_job_id(plan.job_id + "-2")
    assert other.job_id == plan.job_id + "-2"
    assert list(other.objects) == [f"jobs/{other.job_id}/rows/part-0.parquet"]
    assert other.tasks(5, 9) == plan.tasks(5, 9)
    assert Plan.from_json(other.to_json(), read=other.objects.__getitem__).tasks(5, 9) == plan.tasks(5, 9)


def test_execution_order_puts_the_model_first_and_the_steps_next(plan_of: Callable[..., Plan]) -> None:
    """Group key outermost, then batch key, then the rest; each in the order the user wrote."""
    plan = plan_of(prompt=["a", "b"], steps=[30, 20], model=["org/sdxl-b", "org/sdxl-a"], seed=[2, 1])
    order = [(task.pipeline.model[-1], task.steps, task.prompt, task.seed) for task in plan.tasks(0, plan.images)]
    assert order == [
        (model, steps, prompt, seed) for model in "ba" for steps in (30, 20) for prompt in "ab" for seed in (2, 1)
    ]
    assert [plan.task(position).index for position in range(4)] == [0, 1, 4, 5]


def test_positions_outside_the_job_are_refused(plan_of: Callable[..., Plan]) -> None:
    """There is no task before the first or behind the last."""
    plan = plan_of(seed="1-4")
    for position in (-1, 4, 100):
        with pytest.raises(IndexError):
            plan.task(position)


def test_a_million_images_plan_in_a_moment(plan_of: Callable[..., Plan]) -> None:
    """1 000 prompts times 1 000 seeds are two factors, and nothing writes out their product."""
    started = time.perf_counter()
    plan = plan_of(prompt=[f"mug {number}" for number in range(1000)], seed="1-1000", steps=[20, 30])
    assert plan.images == 2_000_000
    assert plan.steps == 50_000_000
    assert plan.task(1_999_999).prompt == "mug 999"
    assert len(plan.to_json()) < 100_000
    assert time.perf_counter() - started < 3


def test_ten_million_seeds_stay_a_range(plan_of: Callable[..., Plan]) -> None:
    """A range axis costs as much as its two ends."""
    plan = plan_of(seed="0-9999999")
    assert plan.images == 10_000_000
    assert not plan.objects
    assert Plan.from_json(plan.to_json()).task(9_999_999).seed == 9_999_999


@pytest.mark.parametrize("change", [b"", b"null", b"[]", b"{}", b'{"version": 1}'])
def test_a_document_that_is_none_is_refused(change: bytes) -> None:
    """Whatever lies at the plan's key, the sentence says what to do."""
    with pytest.raises(DamagedError, match="submit the job again"):
        Plan.from_json(change)


def test_a_damaged_document_is_refused(plan_of: Callable[..., Plan]) -> None:
    """One changed number is noticed."""
    data = plan_of(steps=20).to_json()
    with pytest.raises(DamagedError, match="damaged"):
        Plan.from_json(data.replace(b'"steps":20', b'"steps":21'))


def test_a_plan_of_a_later_farm_is_refused(plan_of: Callable[..., Plan]) -> None:
    """An old worker does not guess at a new format."""
    body = json.loads(plan_of().to_json()) | {"version": 99}
    with pytest.raises(DamagedError, match="version 99"):
        Plan.from_json(json.dumps(body).encode())


def test_too_many_groups_are_refused() -> None:
    """Every group has a cursor in the ledger, so there is a bound."""
    sizes = [f"{8 * width}x{8 * height}" for width in range(1, 103) for height in range(1, 101)]
    with pytest.raises(ManifestError, match="groups of model and size"):
        make_plan(load({"render": {"model": MODELS[0], "prompt": "a", "size": sizes}}))


def test_a_name_that_collides_is_an_error_at_its_field(plan_of: Callable[..., Plan]) -> None:
    """The first collision is shown: both indices and the name."""
    with pytest.raises(ManifestError) as caught:
        plan_of(prompt=["a", "b"], seed="1-2", output={"name": "{seed}"})
    assert caught.value.field == "output.name"
    assert "pictures 0 and 2" in caught.value.message
    assert "'1.png'" in caught.value.message


def test_notes_and_warnings_come_as_verdicts(plan_of: Callable[..., Plan], tmp_path: Path) -> None:
    """A column nobody knows and steps that are too few are both said."""
    path = tmp_path / "prompts.csv"
    path.write_text("prompt,tag\na,x\n", encoding="utf-8")
    plan = plan_of(prompt={"file": str(path)}, steps=4, revision="a" * 40)
    assert [verdict.level for verdict in plan.verdicts] == ["note", "warning"]
    assert "tag" in plan.verdicts[0].message
    assert plan.verdicts == tuple(Verdict(each.level, each.message) for each in plan.verdicts)
