"""The ``render`` section -> constants and factors: axes, range expressions, prompt files, tables, ``combine``."""

import math
from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from farm.manifest import combine
from farm.manifest.columns import Metas, take
from farm.manifest.fields import ALIASES, LATER, PLAIN, RANGES, READERS, WrongItemError, meta, read_values, word
from farm.manifest.formats import Rows, open_rows
from farm.manifest.limits import TABLE_BYTES, TABLE_ROWS, megabytes
from farm.manifest.numbers import compact
from farm.manifest.paths import find
from farm.manifest.place import Place, shown
from farm.manifest.space import Factor
from farm.manifest.tables import pick_column, table_columns

#: Most images of one job.
MAX_IMAGES = 100_000_000

#: Field of a task -> values, all of one length: an axis, or several side by side.
Columns = Mapping[str, Sequence[Any]]

#: What a field that nobody gave is; None is resolved with the model at hand.
DEFAULTS: Mapping[str, Any] = {
    "revision": None,
    "variant": None,
    "dtype": "auto",
    "negative_prompt": "",
    "seed": None,
    "steps": None,
    "scheduler": "default",
    "timestep_spacing": None,
    "guidance_scale": None,
    "width": None,
    "height": None,
}


@dataclass(frozen=True)
class Render:
    """What to draw, read and checked; models are not looked at yet.

    Args:
        constants: field of a task -> its one value, defaults included.
        factors: the axes, combined, in the user's order.
        family: the family that the user says the models are of.
        notes: what the user should know.
    """

    constants: Mapping[str, Any]
    factors: Sequence[Factor]
    family: str | None = None
    notes: Sequence[str] = ()


@dataclass
class _Section:
    """The section while it is read."""

    place: Place
    base: Path
    values: dict[str, Any] = field(default_factory=dict)
    #: Canonical name -> path as the user spelled it.
    paths: dict[str, str] = field(default_factory=dict)
    constants: dict[str, Any] = field(default_factory=dict)
    axes: dict[str, Columns] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def read_render(written: Any, *, place: Place, base: Path, table: Rows | None = None) -> Render:
    """Read the section; a table's rows are the first factor.

    Raises:
        ManifestError: a field, a file or a row is wrong.
    """
    section = _Section(place, base)
    _name(section, place.mapping(written, "render"))
    for name in section.values:
        if name not in PLAIN:
            _read_field(section, name)
    columns = table_columns(table, set(section.values), section.notes) if table else {}
    _require(section, columns)
    factors = [Factor(columns)] if columns else []
    factors += [Factor(each) for each in _combined(section, table)]
    _check_size(section, factors)
    constants = _constants(section, columns)
    return Render(
        constants=constants,
        factors=[_with_meta(section, factor, constants) for factor in factors],
        family=section.values.get("family"),
        notes=section.notes,
    )


def _name(section: _Section, written: Mapping[str, Any]) -> None:
    """Give every key its canonical name."""
    place = section.place
    place.check_keys(written, "render", known=[*READERS, *ALIASES, *PLAIN], later=LATER)
    for key, value in written.items():
        name, path = ALIASES.get(key, key), f"render.{key}"
        if name in section.values:
            place.fail(f"means the same as {section.paths[name]}: give one of them.", path)
        if value is None and name not in {"prompt", "model"}:
            continue
        section.values[name], section.paths[name] = value, path
    for edge in ("width", "height"):
        if "size" in section.values and edge in section.values:
            place.fail("is given beside render.size: give one of them.", f"render.{edge}")
    if ("width" in section.values) != ("height" in section.values):
        given = "width" if "width" in section.values else "height"
        place.fail(f"is given alone: give render.{'height' if given == 'width' else 'width'} too.", f"render.{given}")


def _read_field(section: _Section, name: str) -> None:
    value, path = section.values[name], section.paths[name]
    if isinstance(value, dict):
        section.axes[name] = _file_axis(section, name, value)
        return
    try:
        axis = read_values(name, value)
    except WrongItemError as error:
        section.place.fail(str(error), f"{path}.{error.index}")
    except ValueError as error:
        section.place.fail(str(error), path)
    columns = _columns(name, axis.values)
    if axis.several:
        section.axes[name] = columns
    else:
        section.constants |= {column: values[0] for column, values in columns.items()}


def _columns(name: str, values: Sequence[Any]) -> Columns:
    if name == "size":
        return {"width": [width for width, _ in values], "height": [height for _, height in values]}
    return {name: compact(values) if name in RANGES else values}


def _file_axis(section: _Section, name: str, value: Mapping[str, Any]) -> Columns:
    """The values of a field that stand in a file."""
    place, path = section.place, section.paths[name]
    place.check_keys(value, path, known=("file", "column"))
    for key in value:
        if not isinstance(value[key], str):
            place.fail(f"must be text, and {shown(value[key])} is not.", f"{path}.{key}")
    if "file" not in value:
        place.fail("names no file: write {file: prompts.txt}.", path)
    found = find(value["file"], section.base)
    if found is None:
        place.fail(f"there is no file {shown(value['file'])}, beside the manifest or in the working directory.", path)
    return pick_column(open_rows(found, value["file"]), name, value.get("column"), section.notes)


def _require(section: _Section, columns: Columns) -> None:
    given = set(section.values) | set(columns)
    for name, hint in (("model", "a Hub id, a folder or builtin:shapes"), ("prompt", "text, a list or {file: …}")):
        if name not in given:
            section.place.fail(f"is missing: give {hint} (or --set render.{name}=…).", f"render.{name}")
    if "family" in section.values and not isinstance(section.values["family"], str):
        section.place.fail("must be the name of one family.", section.paths["family"])


def _constants(section: _Section, columns: Columns) -> dict[str, Any]:
    taken = set(columns).union(*section.axes.values())
    constants = {name: value for name, value in (dict(DEFAULTS) | section.constants).items() if name not in taken}
    if "meta" in section.values:
        try:
            constants["meta"] = meta(section.values["meta"])
        except ValueError as error:
            section.place.fail(str(error), section.paths["meta"])
    return constants


def _with_meta(section: _Section, factor: Factor, constants: dict[str, Any]) -> Factor:
    """A factor with the manifest's own ``meta`` under that of its rows."""
    if "meta" not in factor.columns or "meta" not in constants:
        return factor
    own = constants.pop("meta")
    if len(Metas.encode(own) or "") * len(factor) > TABLE_BYTES:
        most = megabytes(TABLE_BYTES)
        section.place.fail(f"is too large to be carried by {len(factor):,} rows: {most} are the most.", "render.meta")
    return Factor({**factor.columns, "meta": Metas(own | row for row in factor.columns["meta"])})


def _combined(section: _Section, table: Rows | None) -> list[Columns]:
    """The factors that ``combine`` makes of the axes: without it, one each."""
    expression = section.values.get("combine")
    if expression is None:
        return list(section.axes.values())
    place = section.place
    if table is not None:
        place.fail("has no meaning for a table: its rows are the tasks.", "render.combine")
    try:
        tree = combine.parse(word(expression))
        axes = _named_axes(section, combine.names(tree))
        parts = tree.parts if isinstance(tree, combine.Product) else (tree,)
        return [_evaluate(part, axes) for part in parts]
    except ValueError as error:
        place.fail(str(error), "render.combine")


def _named_axes(section: _Section, named: Sequence[str]) -> dict[str, Columns]:
    """The axis behind every name, each used exactly once; a constant is an axis of one value."""
    axes: dict[str, Columns] = {}
    for name in named:
        canonical = ALIASES.get(name, name)
        if canonical in {ALIASES.get(each, each) for each in axes}:
            raise ValueError(f"uses {name} twice; every axis belongs in it once.")
        if canonical in section.axes:
            axes[name] = section.axes[canonical]
        elif canonical in section.constants:
            axes[name] = {canonical: [section.constants[canonical]]}
        else:
            raise ValueError(f"uses {name[:40]}, which is no axis here; the axes are {', '.join(section.axes)}.")
    missing = [name for name in section.axes if name not in {ALIASES.get(each, each) for each in axes}]
    if missing:
        raise ValueError(f"leaves out {' and '.join(missing)}; every axis belongs in it once.")
    return axes


def _evaluate(node: combine.Node, axes: Mapping[str, Columns]) -> Columns:
    """The rows of an expression, side by side."""
    if isinstance(node, str):
        return axes[node]
    parts = [_evaluate(part, axes) for part in node.parts]
    lengths = [_length(part) for part in parts]
    if isinstance(node, combine.Product):
        return _written_out(parts, lengths)
    if len(set(lengths)) > 1:
        said = ", ".join(f"{_said(part)} has {n}" for part, n in zip(node.parts, lengths, strict=True))
        raise ValueError(f"puts axes of unequal lengths side by side: {said}.")
    return {name: values for part in parts for name, values in part.items()}


def _written_out(parts: Sequence[Columns], lengths: Sequence[int]) -> Columns:
    """A product inside parentheses, as the rows it stands for."""
    total = math.prod(lengths)
    if total > TABLE_ROWS:
        raise ValueError(f"has a product of {total:,} rows inside parentheses; {TABLE_ROWS:,} are the most.")
    found: dict[str, Sequence[Any]] = {}
    inner = total
    for part, length in zip(parts, lengths, strict=True):
        inner //= length
        rows = array("q", (i // inner % length for i in range(total)))
        if "prompt" in part:
            found["prompt_index"] = rows
        found |= {name: take(values, rows) for name, values in part.items()}
    return found


def _said(node: combine.Node) -> str:
    if isinstance(node, str):
        return node
    inside = (" * " if isinstance(node, combine.Product) else ", ").join(_said(part) for part in node.parts)
    return inside if isinstance(node, combine.Product) else f"({inside})"


def _length(columns: Columns) -> int:
    """The number of rows; `len` overflows on the longest ranges."""
    values = next(iter(columns.values()))
    return (values.stop - values.start - 1) // values.step + 1 if isinstance(values, range) else len(values)


def _check_size(section: _Section, factors: Sequence[Factor]) -> None:
    images = math.prod(_length(factor.columns) for factor in factors)
    if images > MAX_IMAGES:
        section.place.fail(f"asks for {images:,} images; a job holds at most {MAX_IMAGES:,}.", "render")
