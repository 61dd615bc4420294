"""No two pictures get one name: the proof never says so wrongly, and small jobs are looked at."""

import json
import re
import tracemalloc
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from farm.manifest.columns import Texts
from farm.manifest.model import load
from farm.manifest.space import Factor, Space
from farm.plan import collisions
from farm.plan.collisions import check_names
from farm.plan.names import NamePattern
from farm.plan.resolve import resolve_space

_FIELDS = ("index", "prompt_index", "seed", "steps", "scheduler", "guidance_scale", "width", "model", "task_id")


@st.composite
def patterns(draw: st.DrawFn) -> str:
    """Fields with little or nothing between them."""
    fields = draw(st.lists(st.sampled_from(_FIELDS), min_size=1, max_size=4))
    between = st.sampled_from(["", "-", "_", "1", "x", "a"])
    return "".join(draw(between) + f"{{{field}}}" for field in fields) + draw(between)


@st.composite
def renders(draw: st.DrawFn) -> dict[str, Any]:
    """Sections whose numbers run into each other easily."""
    render: dict[str, Any] = {"model": "org/sdxl", "prompt": draw(st.lists(st.sampled_from("ab"), max_size=3)) or "a"}
    numbers = st.lists(st.sampled_from([1, 2, 11, 12, 111]), min_size=1, max_size=4)
    for name, values in {
        "seed": numbers,
        "steps": numbers,
        "scheduler": st.lists(st.sampled_from(["euler", "euler-a", "dpm2", "dpm2-a"]), min_size=1, max_size=2),
        "guidance_scale": st.lists(st.sampled_from([1, 1.5, 11]), min_size=1, max_size=2),
        "size": st.lists(st.sampled_from(["16x64", "160x64"]), min_size=1, max_size=2),
    }.items():
        if draw(st.booleans()):
            render[name] = draw(values)
    return render


@settings(max_examples=150, deadline=None)
@given(renders(), patterns())
def test_the_check_agrees_with_looking_at_every_name(render: dict[str, Any], pattern: str) -> None:
    """A pattern passes exactly when all names differ; a refusal names two pictures that do share one."""
    space = resolve_space(load({"render": render}))[0]
    parsed = NamePattern.parse(pattern)
    names = [parsed.name(task) for task in space]
    if len(set(names)) == len(names):
        check_names(space, parsed)
        return
    with pytest.raises(ValueError, match="the same name") as caught:
        check_names(space, parsed)
    found = re.search(r"pictures (\d+) and (\d+) the same name ('.*?')", str(caught.value))
    assert found
    one, other = int(found[1]), int(found[2])
    assert one < other
    assert repr(names[one]) == repr(names[other]) == found[3]


_TABLES = st.lists(
    st.fixed_dictionaries(
        {
            "prompt": st.sampled_from("ab"),
            "seed": st.sampled_from([1, 2, 11, 12]),
            "custom_id": st.text("1-a", min_size=1),
        },
        optional={"steps": st.sampled_from([1, 11, 12])},
    ),
    min_size=1,
    max_size=6,
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    _TABLES,
    st.permutations(["{custom_id}", "{seed}", "{steps}"]),
    st.sampled_from(["", "-", "_", "1"]),
    st.integers(1, 3),
)
def test_a_table_is_proved_or_looked_at(
    tmp_path: Any, rows: list[dict[str, Any]], fields: list[str], between: str, shown: int
) -> None:
    """However its keys and numbers run into each other, a pattern passes exactly when all names differ."""
    path = tmp_path / "tasks.jsonl"
    path.write_text("\n".join(json.dumps(row) for row in rows), encoding="utf-8")
    space = resolve_space(load(path, overrides=["render.model=org/sdxl"]))[0]
    pattern = NamePattern.parse(between.join(fields[:shown]))
    names = [pattern.name(task) for task in space]
    cap, collisions.CAP = collisions.CAP, 0
    try:
        check_names(space, pattern)
    except ValueError as error:
        found = re.search(r"pictures (\d+) and (\d+) the same name", str(error))
        assert found
        assert names[int(found[1])] == names[int(found[2])]
    else:
        assert len(set(names)) == len(names)
    finally:
        collisions.CAP = cap


def test_keys_of_a_long_table_are_proved_in_little_memory(space_of: Callable[..., Space]) -> None:
    """A hash of each, never all of them at once; two that are equal are found and named."""
    size = 30_000
    keys = Texts(f"row-{number}" for number in range(size))
    base = dict(space_of().constants) | {"seed": 1}
    table = Space(
        base, [Factor({"prompt": Texts(["a mug"] * size), "custom_id": keys, "steps": [20, 30] * (size // 2)})]
    )
    check_names(table, NamePattern.parse("{custom_id}"))
    tracemalloc.start()
    for pattern in ("{custom_id}", "{custom_id}-{steps}", "{custom_id}/{seed}_{steps}"):
        check_names(table, NamePattern.parse(pattern))
    used = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert used < 40 * size + 500_000
    twice = Texts([*keys[:-1], "row-77"])
    with pytest.raises(ValueError, match=rf"pictures 77 and {size - 1} the same name 'row-77\.png'"):
        check_names(
            Space(base, [Factor({"prompt": Texts(["a"] * size), "custom_id": twice})]), NamePattern.parse("{custom_id}")
        )


@settings(max_examples=80, deadline=None)
@given(renders(), patterns())
def test_what_is_proved_is_true(render: dict[str, Any], pattern: str) -> None:
    """With no name ever looked at, whatever passes has different names."""
    space = resolve_space(load({"render": render}))[0]
    parsed = NamePattern.parse(pattern)
    cap, collisions.CAP = collisions.CAP, 0
    try:
        check_names(space, parsed)
    except ValueError:
        return
    finally:
        collisions.CAP = cap
    names = [parsed.name(task) for task in space]
    assert len(set(names)) == len(names)


def test_an_index_that_a_digit_follows_proves_nothing(space_of: Callable[..., Space]) -> None:
    """Picture 1 with seed 11 and picture 11 with seed 1 are both 1111."""
    seeds = [90 + number for number in range(12)]
    seeds[1], seeds[11] = 11, 1
    with pytest.raises(ValueError, match=r"pictures 1 and 11 the same name '1111\.png'"):
        check_names(space_of(seed=seeds), NamePattern.parse("{index}1{seed}"))
    with pytest.raises(ValueError, match="pictures 1 and 11 the same name"):
        check_names(space_of(seed=seeds), NamePattern.parse("{seed}1{index}"))


def test_large_jobs_are_proved_and_not_looked_at(space_of: Callable[..., Space]) -> None:
    """A billion names take no time where the pattern tells the fields apart."""
    space = space_of(prompt=[f"mug {number}" for number in range(1000)], seed="0-99999")
    for pattern in ("{index}", "{seed}-{index:06}", "{prompt_index}-{seed}", "{prompt_index}/{seed:012}_{steps}"):
        check_names(space, NamePattern.parse(pattern))


def test_a_large_job_without_a_proof_is_told_what_helps(space_of: Callable[..., Space]) -> None:
    """Numbers that run into each other cannot be told apart without looking."""
    space = space_of(prompt=[f"mug {number}" for number in range(1000)], seed="0-99999")
    with pytest.raises(ValueError, match=r"begin it with \{index:06\}-"):
        check_names(space, NamePattern.parse("{prompt_index}{seed}"))


def test_a_large_job_with_twins_is_refused_at_once(space_of: Callable[..., Space]) -> None:
    """The seed is not in the name: pictures 0 and 1 collide, whatever the million others do."""
    space = space_of(prompt=[f"mug {number}" for number in range(1000)], seed="0-99999")
    with pytest.raises(ValueError, match=r"pictures 0 and 1 the same name '0\.png'"):
        check_names(space, NamePattern.parse("{prompt_index}"))


def test_derived_seeds_are_looked_at(space_of: Callable[..., Space]) -> None:
    """They differ almost surely, and almost is not enough for a proof."""
    space = space_of(prompt=["a", "a", "a"])
    check_names(space, NamePattern.parse("{seed}"))
    check_names(space, NamePattern.parse("{task_id}"))
    with pytest.raises(ValueError, match="begin it with"):
        check_names(space_of(prompt=["a"] * (collisions.CAP + 1)), NamePattern.parse("{seed}"))


def table(tmp_path: Any, rows: list[str | None]) -> Space:
    """A table with these custom ids."""
    path = tmp_path / "tasks.jsonl"
    lines = [json.dumps({"prompt": "a", "seed": 1} | ({"custom_id": row} if row else {})) for row in rows]
    path.write_text("\n".join(lines), encoding="utf-8")
    return resolve_space(load(path, overrides=["render.model=org/sdxl"]))[0]


@pytest.mark.parametrize(
    ("ids", "expected"),
    [
        (["a", "b", "a"], "pictures 0 and 2"),
        (["a", "../b"], "leaves the job's folder"),
        (["a", "/etc/b"], "leaves the job's folder"),
        (["a", "b\nc"], "control character"),
        (["a", "b" * 300], "too long"),
        (["a", None], "a task has none"),
        ([None, None], "a task has none"),
    ],
)
def test_custom_ids_that_cannot_be_names(tmp_path: Any, ids: list[str | None], expected: str) -> None:
    """The user's own keys are held to the same rules as the pattern."""
    with pytest.raises(ValueError, match=re.escape(expected)):
        check_names(table(tmp_path, ids), NamePattern.parse("{custom_id}"))


def test_custom_ids_that_can(tmp_path: Any) -> None:
    """Folders of the user's own are welcome."""
    check_names(table(tmp_path, ["a", "b/c", "ü"]), NamePattern.parse("{custom_id}"))


def test_two_folders_of_one_name_collide(tmp_path: Any, space_of: Callable[..., Space]) -> None:
    """Models are shown by their own name only, so two of one name need the index."""
    space = Space(
        dict(space_of().constants) | {"seed": 1},
        [type(space_of(seed=[1]).factors[0])({"model": ["/one/mugs", "/two/mugs"]})],
    )
    constants = {name: value for name, value in space.constants.items() if name != "model"}
    with pytest.raises(ValueError, match=r"'mugs\.png'"):
        check_names(Space(constants, space.factors), NamePattern.parse("{model}"))
    check_names(Space(constants, space.factors), NamePattern.parse("{index}_{model}"))
    assert tmp_path.exists()
