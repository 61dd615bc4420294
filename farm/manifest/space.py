"""The space of tasks: a lazy product of factors, sized and indexable, never written out."""

import hashlib
import json
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import Any, overload

from farm.manifest.task import PipelineKey, RenderTask

#: Fields that decide the queue and the tensor shape.
GROUP_FIELDS = ("model", "revision", "variant", "dtype", "width", "height")
#: Fields that one diffusers call takes for the whole batch, on top of the group's.
BATCH_FIELDS = ("steps", "scheduler", "timestep_spacing", "guidance_scale")


@dataclass(frozen=True)
class Factor:
    """One axis, or several side by side, or a table: rows of fields.

    Args:
        columns: field of `RenderTask` -> its value in each row; all of one length, at least one.
        origin: the user's row number of each row, where the rows were put into another order.
    """

    columns: Mapping[str, Sequence[Any]]
    origin: Sequence[int] | None = None

    def __len__(self) -> int:
        return len(next(iter(self.columns.values())))

    def row(self, number: int) -> dict[str, Any]:
        """The fields of one row."""
        return {name: values[number] for name, values in self.columns.items()}

    def offset(self, number: int) -> int:
        """The user's number of a row."""
        return number if self.origin is None else self.origin[number]

    def count(self, fields: Sequence[str]) -> Counter[tuple[Any, ...]]:
        """How many rows there are of each combination of some of its fields."""
        columns = [self.columns[name] for name in fields]
        return Counter(zip(*columns, strict=True)) if columns else Counter({(): len(self)})


@dataclass(frozen=True)
class Space(Sequence[RenderTask]):
    """Every combination of the factors' rows, the last factor varying fastest.

    Args:
        constants: the fields of `RenderTask` that are the same in every task.
        factors: the rest.
    """

    constants: Mapping[str, Any]
    factors: Sequence[Factor]
    _strides: Sequence[int] = field(init=False, repr=False, compare=False)
    _seed_strides: Sequence[int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        lengths = [len(factor) for factor in self.factors]
        object.__setattr__(self, "_strides", _strides(lengths))
        drawing = [1 if set(factor.columns) <= set(BATCH_FIELDS) else len(factor) for factor in self.factors]
        strides = [stride if size > 1 else 0 for stride, size in zip(_strides(drawing), drawing, strict=True)]
        object.__setattr__(self, "_seed_strides", strides)

    def __len__(self) -> int:
        return math.prod(len(factor) for factor in self.factors)

    @overload
    def __getitem__(self, index: int) -> RenderTask: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[RenderTask]: ...
    def __getitem__(self, index: int | slice) -> RenderTask | Sequence[RenderTask]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        if not -len(self) <= index < len(self):
            raise IndexError(index)
        return self.task(self.rows(index % len(self)))

    def rows(self, index: int) -> list[int]:
        """The row of each factor at a mixed-radix index."""
        found = []
        for stride in self._strides:
            row, index = divmod(index, stride)
            found.append(row)
        return found

    def task(self, rows: Sequence[int]) -> RenderTask:
        """The task that one row of each factor makes."""
        values = dict(self.constants)
        offsets = []
        for factor, number in zip(self.factors, rows, strict=True):
            values.update(factor.row(number))
            offset = factor.offset(number)
            offsets.append(offset)
            if "prompt" in factor.columns:
                values.setdefault("prompt_index", offset)
        index = sum(stride * offset for stride, offset in zip(self._strides, offsets, strict=True))
        if values.get("seed") is None:
            position = sum(stride * offset for stride, offset in zip(self._seed_strides, offsets, strict=True))
            values["seed"] = derive_seed(values, position)
        return _assemble(index, values)

    def census(self, fields: Sequence[str]) -> dict[tuple[Any, ...], int]:
        """How many tasks there are of each combination of some fields, counted without writing out a task."""
        places = [[name for name in fields if name in factor.columns] for factor in self.factors]
        counts = [factor.count(names).items() for factor, names in zip(self.factors, places, strict=True)]
        found: dict[tuple[Any, ...], int] = {}
        for choice in product(*counts):
            values = dict(self.constants)
            for names, (combination, _) in zip(places, choice, strict=True):
                values.update(zip(names, combination, strict=True))
            found[tuple(values[name] for name in fields)] = math.prod(count for _, count in choice)
        return found


def derive_seed(values: Mapping[str, Any], position: int) -> int:
    """A seed of 32 bits from what is drawn and its position.

    Steps, scheduler and guidance leave it as it is, so that a sweep over them compares pictures of one noise.
    """
    drawn = [values[name] for name in ("model", "revision", "prompt", "negative_prompt", "width", "height")]
    canonical = json.dumps([*drawn, position], ensure_ascii=False, separators=(",", ":"))
    return int.from_bytes(hashlib.blake2b(canonical.encode(), digest_size=4).digest(), "big")


def _strides(lengths: Sequence[int]) -> list[int]:
    return [math.prod(lengths[i + 1 :]) for i in range(len(lengths))]


def _assemble(index: int, values: Mapping[str, Any]) -> RenderTask:
    return RenderTask(
        index=index,
        pipeline=PipelineKey(values["model"], values["revision"], values["variant"], values["dtype"]),
        prompt=values["prompt"],
        negative_prompt=values["negative_prompt"],
        seed=values["seed"],
        steps=values["steps"],
        scheduler=values["scheduler"],
        timestep_spacing=values["timestep_spacing"],
        guidance_scale=values["guidance_scale"],
        width=values["width"],
        height=values["height"],
        custom_id=values.get("custom_id"),
        meta=values.get("meta") or {},
        prompt_index=values.get("prompt_index", 0),
    )
