"""Whether two pictures of a job would get one name: proved from the pattern where that is possible, else looked up.

The proof has two halves. The name tells the values of its fields (no value can run into the next), and the values tell
the task (in every factor, each row shows something else).
"""

import math
import re
import string
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from itertools import chain, pairwise, repeat
from typing import Any

from farm.manifest.space import BATCH_FIELDS, GROUP_FIELDS, Factor, Space
from farm.plan.names import WHOLES, NamePattern, Part, model_word

#: Most names that are compared one by one where there is no proof.
CAP = 100_000

#: What a task's id is made of.
_CONTENT = (*GROUP_FIELDS, *BATCH_FIELDS, "prompt", "negative_prompt", "seed")
_DIGITS = frozenset(string.hexdigits)
#: A key of the user's own that can be part of any name, unless it is too long.
_PLAIN = re.compile(r"[.+=@ -]*[A-Za-z0-9_][A-Za-z0-9_.+=@ -]*")
#: The longest whole number, and a task id.
_LONGEST, _TASK_ID = "9" * 20, "f" * 32


def check_names(space: Space, pattern: NamePattern) -> None:
    """Refuse a pattern that gives two tasks one name, or one a name that leaves the job's folder.

    Args:
        space: in the user's order, resolved.
        pattern: parsed.

    Raises:
        ValueError: says which names; of a collision the two indices.
    """
    _check_custom_ids(space, pattern)
    parts = _with_constants(space, pattern)
    if _is_proved_by_index(parts):
        return
    fields = pattern.fields
    derived = _is_derived(space) and bool({"seed", "task_id"} & set(fields))
    if "index" not in fields and not derived:
        _refuse_twins(space, pattern)
    if _is_decodable(space, parts) and ("index" in fields or not derived):
        return
    if len(space.factors) == 1 and "task_id" not in fields and not derived:
        _compare_rows(space, pattern)
    else:
        _compare(space, pattern)


def _columns(space: Space, name: str) -> Iterator[Sequence[Any]]:
    """The values of a field of tasks, wherever they stand."""
    if name in space.constants:
        yield [space.constants[name]]
    yield from (factor.columns[name] for factor in space.factors if name in factor.columns)


def _shown(space: Space, name: str) -> set[Any]:
    """The distinct values of a field of which there are few, or a whole number, of which none is needed."""
    found: set[Any] = set()
    for values in _columns(space, name):
        if isinstance(values, range):
            return set()
        found.update(values)
    return found


def _is_derived(space: Space) -> bool:
    """Whether some task's seed is derived: a seed that nobody gave is never written as a range or an array."""
    return any(isinstance(values, list) and None in values for values in _columns(space, "seed"))


def _check_custom_ids(space: Space, pattern: NamePattern) -> None:
    """Refuse a key of the user's own that cannot be part of a name, and names that would be too long."""
    columns = list(_columns(space, "custom_id")) if "custom_id" in pattern.fields else [[""]]
    models = {model_word(model) for model in _shown(space, "model")}
    stand_ins = dict.fromkeys(WHOLES, _LONGEST) | {"task_id": _TASK_ID, "guidance_scale": "1000.123456"}
    stand_ins |= {"model": max(models, key=len, default=""), "scheduler": "dpm++3m-sde-karras"}
    longest = -1
    for each in chain.from_iterable(columns) if columns else [None]:
        if each is None:
            raise ValueError("uses {custom_id}, and a task has none.")
        if len(each) > longest or not _PLAIN.fullmatch(each):
            longest = max(longest, len(each))
            shown = stand_ins | {"custom_id": each}
            pattern.check("".join(part.literal + shown.get(part.field or "", "") for part in pattern.parts))


def _with_constants(space: Space, pattern: NamePattern) -> list[Part]:
    """The pattern with fields that never change written out, and neighbouring text joined."""
    parts: list[Part] = []
    literal = ""
    for part in pattern.parts:
        literal += part.literal
        if part.field is None:
            continue
        value = _constant(space, part.field)
        if value is None:
            parts.append(Part(literal, part.field, part.spec))
            literal = ""
        else:
            literal += part.show(value)
    return [*parts, Part(literal)]


def _constant(space: Space, field: str) -> Any:
    """What a field shows in every name; None where it changes or is not known to stay."""
    if field == "prompt_index":
        return None if any("prompt" in factor.columns for factor in space.factors) else 0
    value = space.constants.get(field)
    return model_word(value) if field == "model" and value is not None else value


def _is_proved_by_index(parts: Sequence[Part]) -> bool:
    """Whether the index stands first or last with no digit beside it, so that it can be read off."""
    fields = [part for part in parts if part.field is not None]
    if not fields:
        return False
    after = parts[1].literal
    if fields[0].field == "index" and (after[:1] not in _DIGITS if after else len(fields) == 1):
        return True
    before = fields[-1].literal
    return fields[-1].field == "index" and bool(before) and before[-1] not in _DIGITS


def _is_decodable(space: Space, parts: Sequence[Part]) -> bool:
    """Whether between any two fields there is a character that no value holds."""
    fields = [part for part in parts if part.field is not None]
    used: set[str] = set()
    for part in fields:
        used |= _alphabet(space, part)
    return all(set(later.literal) - used for _, later in pairwise(fields))


def _alphabet(space: Space, part: Part) -> frozenset[str]:
    if part.field in WHOLES or part.field == "task_id":
        return _DIGITS
    if part.field == "custom_id":
        return frozenset(chain.from_iterable(chain.from_iterable(_columns(space, "custom_id"))))
    values = _shown(space, str(part.field))
    words = (model_word(value) if part.field == "model" else part.show(value) for value in values)
    return frozenset().union(*words)


def _refuse_twins(space: Space, pattern: NamePattern) -> None:
    """Refuse two rows of one factor that show the same: whatever the other factors hold, their names are equal."""
    stride = math.prod(len(factor) for factor in space.factors)
    first: tuple[int, int] | None = None
    for factor in space.factors:
        stride //= len(factor)
        twins = _twins(factor, pattern)
        if twins and (first is None or twins[1] * stride < first[1]):
            first = twins[0] * stride, twins[1] * stride
    if first:
        _refuse(space, pattern, *first)


def _twins(factor: Factor, pattern: NamePattern) -> tuple[int, int] | None:
    """The first two rows whose fields show the same."""
    shown = [
        (part, _CONTENT if part.field == "task_id" else (part.field,))
        for part in pattern.parts
        if part.field is not None
    ]
    columns = [(part, factor.columns[str(name)]) for part, names in shown for name in names if name in factor.columns]
    if any(part.field == "prompt_index" for part, _ in shown) and "prompt" in factor.columns:
        columns.append((Part("", "prompt_index"), factor.columns.get("prompt_index", range(len(factor)))))
    if any(isinstance(values, range) for _, values in columns):
        return None
    if not columns:
        return (0, 1) if len(factor) > 1 else None
    return _first_repeated(lambda: zip(*(_keys(part, values) for part, values in columns), strict=True), len(factor))


def _first_repeated(keys: Callable[[], Iterable[Hashable]], size: int) -> tuple[int, int] | None:
    """The first two places of equal keys; a hash of each key is kept, and the key itself where hashes are equal.

    Args:
        keys: goes through the keys; called twice.
        size: how many there are.
    """
    import numpy as np

    hashes = np.fromiter(map(hash, keys()), np.int64, size)
    ordered = np.sort(hashes)
    repeated = set(ordered[1:][ordered[1:] == ordered[:-1]].tolist())
    seen: dict[Hashable, int] = {}
    for place, (key, number) in enumerate(zip(keys(), hashes, strict=True) if repeated else ()):
        if number in repeated and seen.setdefault(key, place) != place:
            return seen[key], place
    return None


def _keys(part: Part, values: Iterable[Any]) -> Iterator[Any]:
    """What a column contributes to the names of its rows."""
    return (_key(part, value) for value in values)


def _key(part: Part, value: Any) -> Any:
    if part.field == "task_id":
        return value
    return model_word(value) if part.field == "model" else part.show(value)


def _compare_rows(space: Space, pattern: NamePattern) -> None:
    """Look at every name of a table, however long: the names are made by the column and not kept."""
    twins = _first_repeated(lambda: _names(space, pattern), len(space))
    if twins:
        _refuse(space, pattern, *twins)


def _names(space: Space, pattern: NamePattern) -> Iterator[str]:
    """The names of the tasks of one factor, in the user's order."""
    (factor,) = space.factors
    size = len(factor)
    rows = dict(factor.columns) | {"index": range(size)}
    rows.setdefault("prompt_index", range(size) if "prompt" in rows else [0] * size)
    words: list[Iterable[str]] = []
    for part in pattern.parts:
        words.append(repeat(part.literal, size))
        if part.field is not None:
            words.append(_keys(part, rows.get(part.field) or repeat(space.constants[part.field], size)))
    return map("".join, zip(*words, strict=True))


def _compare(space: Space, pattern: NamePattern) -> None:
    """Look at every name."""
    if len(space) > CAP:
        raise ValueError(
            f"cannot be proved to give {len(space):,} pictures different names, and {CAP:,} are the most that are "
            "compared one by one: begin it with {index:06}- or put _ between its fields."
        )
    seen: dict[str, int] = {}
    for index, task in enumerate(space):
        other = seen.setdefault(pattern.name(task), index)
        if other != index:
            _refuse(space, pattern, other, index)


def _refuse(space: Space, pattern: NamePattern, one: int, other: int) -> None:
    name = pattern.name(space[other])
    raise ValueError(
        f"gives pictures {one} and {other} the same name {name!r}: add {{index:06}} or the field that differs."
    )
