"""The space: a sequence of tasks that is never written out."""

import math
from collections import Counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from farm.manifest.axes import DEFAULTS
from farm.manifest.space import Factor, Space, derive_seed

FIXED = {**DEFAULTS, "model": "org/thing", "prompt": "a", "width": 64, "height": 64, "steps": 20, "seed": 1}
_COLUMNS: dict[str, st.SearchStrategy[Any]] = {
    "prompt": st.sampled_from(["a", "b", "c"]),
    "seed": st.integers(0, 5),
    "steps": st.integers(1, 3),
    "width": st.sampled_from([64, 128]),
    "scheduler": st.sampled_from(["euler", "ddim"]),
}


@st.composite
def spaces(draw: st.DrawFn) -> Space:
    """A space of up to three factors of one or two columns each."""
    names = draw(st.permutations(sorted(_COLUMNS)))
    factors = []
    for number in range(draw(st.integers(0, 3))):
        own = names[number * 2 : number * 2 + draw(st.integers(1, 2))]
        rows = draw(st.lists(st.tuples(*(_COLUMNS[name] for name in own)), min_size=1, max_size=4))
        if own:
            factors.append(Factor({name: [row[i] for row in rows] for i, name in enumerate(own)}))
    taken = {name for factor in factors for name in factor.columns}
    return Space({name: value for name, value in FIXED.items() if name not in taken}, factors)


@settings(deadline=None)
@given(spaces())
def test_a_space_is_the_product_of_its_factors(space: Space) -> None:
    """Sized, indexable, iterable; the last factor varies fastest and the index counts."""
    tasks = list(space)
    assert len(space) == len(tasks) == math.prod(len(factor) for factor in space.factors)
    assert [task.index for task in tasks] == list(range(len(space)))
    assert space[-1] == tasks[-1]
    assert space[1:3] == tasks[1:3]
    for index in (len(space), -len(space) - 1):
        with pytest.raises(IndexError):
            space[index]
    for index, task in enumerate(tasks):
        rows = space.rows(index)
        for factor, row in zip(space.factors, rows, strict=True):
            assert {name: getattr(task, name) for name in factor.columns if name != "prompt"}.items() <= factor.row(
                row
            ).items()


@settings(deadline=None)
@given(spaces(), st.sets(st.sampled_from(sorted(_COLUMNS)), min_size=1))
def test_a_census_counts_as_one_would(space: Space, fields: set[str]) -> None:
    """By arithmetic, the same as looking at every task."""
    names = sorted(fields)
    assert space.census(names) == Counter(tuple(getattr(task, name) for name in names) for task in space)


def test_a_census_of_a_huge_space_is_quick() -> None:
    """The seeds are counted, not gone through."""
    space = Space(FIXED, [Factor({"seed": range(10**12)}), Factor({"steps": [20, 30]})])
    assert space.census(("steps",)) == {(20,): 10**12, (30,): 10**12}
    assert space[2 * 10**12 - 1].seed == 10**12 - 1


def test_a_task_knows_its_prompts_number() -> None:
    """The row of the factor that holds the prompt, in the user's order."""
    prompts = Factor({"prompt": ["b", "a"]}, origin=[1, 0])
    space = Space(FIXED, [Factor({"seed": range(2)}), prompts])
    assert [space.task((1, row)).prompt_index for row in range(2)] == [1, 0]
    assert [space.task((1, row)).index for row in range(2)] == [3, 2]
    assert Space(FIXED, [])[0].prompt_index == 0
    own = Factor({"prompt": ["b", "b"], "prompt_index": [7, 7]})
    assert [task.prompt_index for task in Space(FIXED, [own])] == [7, 7]


def unseeded(*factors: Factor) -> list[int]:
    """The seeds of tasks that nobody gave one."""
    taken = {name for factor in factors for name in factor.columns}
    constants = {name: value for name, value in FIXED.items() if name not in taken} | {"seed": None}
    return [task.seed for task in Space(constants, factors)]


def test_seeds_nobody_gave_differ_by_prompt_and_position() -> None:
    """Several pictures of one prompt are several pictures, today as tomorrow."""
    seeds = unseeded(Factor({"prompt": ["a", "a", "b"]}))
    assert len(set(seeds)) == 3
    assert seeds == unseeded(Factor({"prompt": ["a", "a", "b"]}))
    assert all(0 <= seed < 2**32 for seed in seeds)


def test_a_sweep_compares_pictures_of_one_noise() -> None:
    """Steps, scheduler and guidance leave a derived seed as it is."""
    prompts = Factor({"prompt": ["a", "b"]})
    plain = unseeded(prompts)
    for sweep in (
        Factor({"steps": [5, 10, 20]}),
        Factor({"scheduler": ["euler", "ddim"], "guidance_scale": [1.0, 2.0]}),
    ):
        assert unseeded(prompts, sweep) == [seed for seed in plain for _ in range(len(sweep))]
        assert unseeded(sweep, prompts) == plain * len(sweep)


def test_a_given_seed_in_some_rows_is_kept() -> None:
    """The others are derived."""
    first, second = unseeded(Factor({"prompt": ["a", "b"], "seed": [7, None]}))
    assert first == 7
    assert second == derive_seed({**FIXED, "prompt": "b", "seed": None}, 1)
