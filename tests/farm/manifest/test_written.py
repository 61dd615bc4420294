"""A manifest as YAML: what it says, and that it draws the same."""

import json
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from farm.errors import ManifestError
from farm.manifest.model import load
from farm.manifest.written import write
from farm.plan.plan import Plan, make_plan

Write = Callable[[str, str | bytes], Path]
_TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\x00\r\n"), min_size=1, max_size=12).filter(str.strip)
_SEED = st.integers(0, 2**64 - 9) | st.integers(0, 9)


def tasks(plan: Plan) -> list[tuple[Any, ...]]:
    """What a plan draws, in its order, with the labels."""
    found = (plan.task(position) for position in range(plan.images))
    return [(task.task_id, task.index, task.custom_id, dict(task.meta)) for task in found]


def converted(path: Path, overrides: Sequence[str] = (), *, apart: bool = False) -> tuple[Plan, Plan]:
    """The plan of a file, and that of what it is converted to."""
    made = load(path, overrides=overrides, models=lambda: {"theirs": "builtin:shapes"})
    written = write(made)
    target = path.with_name("converted.yaml")
    target.write_text(written.to_yaml(rows_file="rows.jsonl" if apart else None), encoding="utf-8")
    path.with_name("rows.jsonl").write_text("".join(written.to_jsonl()), encoding="utf-8")
    return make_plan(made), make_plan(load(target))


@pytest.mark.parametrize(
    ("name", "text", "overrides", "expected"),
    [
        (
            "mugs.txt",
            "a mug\na cup: blue\n",
            ["render.model=builtin:shapes", "render.seed=1-4", "render.steps=[4, 8]"],
            (
                "name: mugs\nrender:\n  model: builtin:shapes\n  prompt:\n  - a mug\n  - 'a cup: blue'\n  seed: 1-4\n"
                "  steps: [4, 8]\n"
            ),
        ),
        (
            "mugs.csv",
            "prompt,seed,steps,size,Sampler\na mug,1,8,64x64,Euler a\na cup,,8,64x64,Euler a\n",
            ["render.model=builtin:shapes", "run.priority=80"],
            (
                "name: mugs\nrender:\n  model: builtin:shapes\n  steps: 8\n  size: 64x64\n"
                "  scheduler: euler-a\n  rows:\n  - {prompt: a mug, seed: 1}\n  - {prompt: a cup}\n"
                "run:\n  priority: 80\n"
            ),
        ),
        (
            "batch.jsonl",
            json.dumps(
                {"custom_id": "a", "method": "POST", "url": "/v1/images/generations"}
                | {"body": {"model": "theirs", "prompt": "a mug", "n": 2, "user": "me"}}
            ),
            [],
            "name: batch\nrender:\n  model: builtin:shapes\n  rows:\n"
            "  - {custom_id: a, prompt: a mug, meta: {user: me}}\n" * 2,
        ),
        (
            "list.json",
            json.dumps(
                [{"taskType": "imageInference", "model": "theirs", "positivePrompt": "a", "taskUUID": "7", "seed": 3}]
            ),
            [],
            "name: list\nrender:\n  model: builtin:shapes\n  seed: 3\n  rows:\n  - {custom_id: '7', prompt: a}\n",
        ),
        (
            "job.json",
            '{"render": {"model": "builtin:shapes", "prompt": ["a", "b"], "seed": "1-2", "combine": "(prompt, seed)"}}',
            ["render.steps=[4, 8]", "render.combine=(prompt, seed) * steps"],
            (
                "name: job\nrender:\n  model: builtin:shapes\n  prompt:\n  - a\n  - b\n  seed: 1-2\n"
                '  combine: "(prompt, seed) * steps"\n  steps: [4, 8]\n'
            ),
        ),
    ],
)
def test_what_is_written(write: Write, name: str, text: str, overrides: list[str], expected: str) -> None:
    """What all tasks share stands at the top, and rows only where there is more to say than prompts."""
    from farm.manifest.written import write as convert

    path = write(name, text)
    made = load(path, overrides=overrides, models=lambda: {"theirs": "builtin:shapes"})
    if name == "batch.jsonl":
        expected = expected[: len(expected) // 2] + "  - {custom_id: a, prompt: a mug, meta: {user: me}}\n"
    assert convert(made).to_yaml() == expected
    before, after = converted(path, overrides)
    assert tasks(before) == tasks(after)
    assert before.name == after.name


def _requests(draw: st.DrawFn, kind: str) -> list[dict[str, Any]]:
    names = {"openai": ("prompt", "n"), "list": ("positivePrompt", "numberResults"), "csv": ("prompt", "")}[kind]
    found = []
    for _ in range(draw(st.integers(1, 4))):
        request: dict[str, Any] = {names[0]: draw(_TEXT)}
        request |= draw(st.sampled_from([{}, {"seed": draw(_SEED)}, {"steps": 8}, {"seed": 5, "steps": 4}]))
        request |= draw(st.sampled_from([{}, {"width": 64, "height": 64}, {"width": 128, "height": 64}]))
        request |= draw(st.sampled_from([{}, {"scheduler": "Euler a"}, {"scheduler": "DPM++ 2M Karras"}]))
        request |= draw(st.sampled_from([{}, {"cfg_scale": 3}, {"negative_prompt": draw(_TEXT)}, {"who": draw(_TEXT)}]))
        if kind != "csv":
            request |= draw(st.sampled_from([{}, {names[1]: 2}]))
        found.append(request)
    return found


@st.composite
def files(draw: st.DrawFn) -> tuple[str, str]:
    """The name and text of a file that others write."""
    kind = draw(st.sampled_from(["openai", "list", "csv"]))
    requests = _requests(draw, kind)
    if kind == "list":
        kinds = {"taskType": "imageInference", "model": "theirs"}
        return "list.json", json.dumps([kinds | {"taskUUID": draw(_TEXT)} | each for each in requests])
    if kind == "openai":
        around = {"method": "POST", "url": "/v1/images/generations"}
        bodies = [{"model": "theirs"} | ({} if "width" in each else {"size": "auto"}) | each for each in requests]
        return "batch.jsonl", "\n".join(
            json.dumps(around | {"custom_id": draw(_TEXT), "body": each}) for each in bodies
        )
    columns = list(dict.fromkeys(name for each in requests for name in each))
    return "tasks.csv", "\n".join(
        ",".join(f'"{str(cell).replace(chr(34), chr(34) * 2)}"' for cell in row)
        for row in [columns, *([each.get(name, "") for name in columns] for each in requests)]
    )


@settings(max_examples=40, deadline=None)
@given(
    files(), st.lists(st.sampled_from(["render.seed=1-2", "render.steps=[4, 8]", "render.dtype=fp32"])), st.booleans()
)
def test_what_is_converted_draws_the_same(file: tuple[str, str], overrides: list[str], apart: bool) -> None:  # noqa: FBT001
    """The same tasks under the same keys in the same order, whatever others wrote and whatever is set over it."""
    name, text = file
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_text(text, encoding="utf-8", newline="")
        model = ["render.model=builtin:shapes"] if name == "tasks.csv" else []
        before, after = converted(path, [*dict.fromkeys(overrides), *model], apart=apart)
    assert tasks(before) == tasks(after)


def test_rows_too_many_for_one_yaml(write: Write) -> None:
    """They go into a file beside it, and the manifest names that."""
    from farm.manifest.written import write as convert

    text = "prompt,seed\n" + "".join(f"a mug {i},{i}\n" for i in range(1001))
    written = convert(load(write("many.csv", text), overrides=["render.model=org/thing"]))
    with pytest.raises(ManifestError, match=r"has 1,001 rows, too many for one YAML: write -o job\.yaml"):
        written.to_yaml()
    assert written.to_yaml(rows_file="many.jsonl").endswith("  rows:\n    file: many.jsonl\n")
    assert len(list(written.to_jsonl())) == 1001
    long = write("long.txt", "".join(f"{'long ' * 900}{i}\n" for i in range(990)))
    with pytest.raises(ManifestError, match="is long, too much for one YAML"):
        convert(load(long, overrides=["render.model=org/thing"])).to_yaml()
