"""Spaces beside those of openjd-model, AWS's implementation of Open Job Description: another author's reading.

``OPENJD_SPACES=5000`` compares as many as it says. Known differences, kept out of what is generated: theirs sorts an
integer expression with commas, and refuses one whose parts overlap; ours keeps the order written. An axis of one value
that is no list is a constant of ours, which ``combine`` need not name.
"""

import os
import random
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from farm.errors import ManifestError
from farm.manifest.model import load
from farm.manifest.space import Space

openjd = pytest.importorskip("openjd.model")

#: Spaces that are compared.
_SPACES = int(os.environ.get("OPENJD_SPACES", "250"))
#: Axis -> type of theirs.
_TYPES = {"seed": "INT", "steps": "INT", "prompt": "STRING", "variant": "STRING", "guidance_scale": "FLOAT"}
_LENGTHS = (1, 2, 2, 3, 3, 4)
Values = Sequence[Any] | str
#: A task: axis -> value.
Task = Mapping[str, Any]


def _values(chance: random.Random, name: str, length: int) -> Values:
    """Values of an axis: a list, or an integer expression that both read alike."""
    if name == "prompt":
        return [f"{chance.choice('abc')} {i}" for i in range(length)]
    if name == "variant":
        return [chance.choice(["fp16", "small"]) for _ in range(length)]
    if name == "guidance_scale":
        return [chance.choice([1, 2.5, 7]) for _ in range(length)]
    first, step = chance.randint(1, 40), chance.randint(1, 9)
    last = first + step * (length - 1)
    if length > 1 and chance.random() < 0.3:
        rest = chance.randint(0, step - 1)
        return f"{first}-{last + rest}:{step}" if step > 1 or chance.random() < 0.5 else f"{first}-{last}"
    if length > 2 and chance.random() < 0.3:
        return f"{first}-{last - step}:{step},{last}"
    return [chance.randint(1, 150) for _ in range(length)]


def _expression(chance: random.Random, names: Sequence[str]) -> str:
    """An expression that uses each of some axes once."""
    if len(names) == 1:
        return names[0]
    cut = chance.randint(1, len(names) - 1)
    left, right = _expression(chance, names[:cut]), _expression(chance, names[cut:])
    return f"({left}, {right})" if chance.random() < 0.4 else f"{left} * {right}"


def _broken(chance: random.Random, expression: str, names: Sequence[str]) -> str:
    """An expression with something done to it, most of it wrong."""
    at = chance.randrange(len(expression) + 1)
    name = chance.choice(names)
    return chance.choice(
        [
            expression[:at] + chance.choice("*(,) x") + expression[at:],
            expression[:at] + expression[at + 1 :],
            f"{expression} * {name}",
            expression.replace(f"{name} * ", "", 1),
            expression.replace(name, "other", 1),
            expression.replace("*", ",", 1),
            expression.replace(",", "*", 1),
            f"({expression})",
            expression.replace(" ", ""),
        ]
    )


@st.composite
def spaces(draw: st.DrawFn) -> tuple[dict[str, Values], str | None]:
    """Axes with their values, and an expression that combines them, or none."""
    chance = random.Random(draw(st.integers(0, 2**32)))
    names = chance.sample(list(_TYPES), chance.randint(1, len(_TYPES)))
    same = chance.choice(_LENGTHS)
    axes = {name: _values(chance, name, same if chance.random() < 0.7 else chance.choice(_LENGTHS)) for name in names}
    if chance.random() < 0.1:
        return axes, None
    written = _expression(chance, chance.sample(names, len(names)))
    return axes, _broken(chance, written, names) if chance.random() < 0.4 else written


def ours(axes: Mapping[str, Values], combine: str | None) -> list[Task]:
    """The tasks that a manifest of these axes has."""
    render: dict[str, Any] = {"model": "org/thing", **axes}
    render |= {} if combine is None else {"combine": combine}
    render.setdefault("prompt", "a mug")
    made = load({"render": render}).render
    space = Space(made.constants, made.factors)
    found: list[Task] = []
    for index in range(len(space)):
        values = dict(space.constants)
        for factor, row in zip(space.factors, space.rows(index), strict=True):
            values |= factor.row(row)
        found.append({name: values[name] for name in axes})
    return found


def theirs(axes: Mapping[str, Values], combine: str | None) -> list[Task]:
    """The tasks that a job of Open Job Description has."""
    definitions = [{"name": name, "type": _TYPES[name], "range": values} for name, values in axes.items()]
    space = {"taskParameterDefinitions": definitions} | ({} if combine is None else {"combination": combine})
    template = {
        "specificationVersion": "jobtemplate-2023-09",
        "name": "job",
        "steps": [{"name": "step", "script": {"actions": {"onRun": {"command": "x"}}}, "parameterSpace": space}],
    }
    job = openjd.create_job(job_template=openjd.decode_job_template(template=template), job_parameter_values={})
    read = {"INT": int, "STRING": str, "FLOAT": Decimal}
    tasks = openjd.StepParameterSpaceIterator(space=job.steps[0].parameterSpace)
    return [{name: read[_TYPES[name]](value.value) for name, value in task.items()} for task in tasks]


@settings(max_examples=_SPACES, deadline=None)
@given(spaces())
def test_a_space_is_what_openjd_makes_of_it(space: tuple[dict[str, Values], str | None]) -> None:
    """The same tasks in the same order; and what they refuse, we refuse."""
    axes, combine = space
    try:
        expected = theirs(axes, combine)
    except (openjd.DecodeValidationError, openjd.ExpressionError, KeyError):  # KeyError: theirs trips over a wrong name
        event("refused")
        with pytest.raises(ManifestError, match=r"render\.combine: "):
            ours(axes, combine)
        return
    event("taken")
    assert ours(axes, combine) == expected


@pytest.mark.parametrize(
    ("written", "numbers"),
    [("1-8", 8), ("1-100:10", 10), ("1-3,7,9-10", 6), ("5", 1), (" 1 - 3 ", 3), ("1-10:20", 1)],
)
def test_integer_expressions_mean_the_same(written: str, numbers: int) -> None:
    """Those that ascend; theirs sorts the others, and ours keeps them as written."""
    from farm.manifest.numbers import parse_range

    assert list(parse_range(written)) == list(openjd.IntRangeExpr.from_str(written))
    assert len(parse_range(written)) == numbers
    assert list(parse_range("5,3")) == [5, 3]
    assert list(openjd.IntRangeExpr.from_str("5,3")) == [3, 5]
