"""A manifest as YAML of ours: what ``farm convert`` prints.

What is the same in every task stands at the top; the rest is a list of prompts, or rows of what differs. Submitted, it
makes the same tasks in the same order.
"""

import copy
import io
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from farm.errors import ManifestError
from farm.manifest.fields import READERS
from farm.manifest.limits import MANIFEST_BYTES
from farm.manifest.model import Manifest
from farm.manifest.reading import EMPTY

#: Most rows that stand in the manifest itself: YAML of more takes long to read, and nobody reads it.
INLINE = 1000
#: Most characters of a row that is written on one line.
_LINE = 110
#: Texts that need no quotes, or get them from the library: others may begin like something of YAML's, or hold a line
#: break that it would fold.
_PLAIN = re.compile(r"[^\W_][^\x00-\x1f\x7f-\xa0\u2028\u2029\ufeff\ufffe\uffff]*")
#: Fields in the order in which they are written.
_ORDER = ("model", "revision", "variant", "dtype", "family", "prompt", "negative_prompt", "seed", "steps", "size",
          "width", "height", "scheduler", "timestep_spacing", "guidance_scale")  # fmt: skip


@dataclass(frozen=True)
class Written:
    """A manifest as it is written.

    Args:
        document: the manifest as plain values; its rows are apart.
        rows: the tasks, where they are more than a list of prompts.
    """

    document: Mapping[str, Any]
    rows: Sequence[Mapping[str, Any]] = field(default_factory=list)

    def to_yaml(self, *, rows_file: str | None = None) -> str:
        """The text.

        Args:
            rows_file: the file that holds the rows; without one they stand in the text.

        Raises:
            ManifestError: it would be too long to be read again.
        """
        document = dict(self.document)
        if self.rows and rows_file is not None:
            document["render"] = {**document["render"], "rows": {"file": rows_file}}
        elif self.rows:
            _check_length(len(self.rows) <= INLINE, f"has {len(self.rows):,} rows")
            document["render"] = {**document["render"], "rows": list(map(_styled, self.rows))}
        text = _dumped(document)
        _check_length(len(text.encode()) <= MANIFEST_BYTES, "is long")
        return text

    def to_jsonl(self) -> Iterator[str]:
        """The rows, one a line."""
        return (json.dumps(row, ensure_ascii=False) + "\n" for row in self.rows)


def write(manifest: Manifest) -> Written:
    """A manifest, checked, in the words of ours that mean the same; axes that are set keep their order.

    Args:
        manifest: of a table, with what was set for all of it; or one of ours, which stays as it is.
    """
    data = {"name": manifest.name, "render": {}} | {k: v for k, v in manifest.written.items() if k != "name"}
    if not manifest.has_rows:
        return Written(data)
    columns = {name: values for name, values in manifest.render.factors[0].columns.items() if name != "prompt_index"}
    given = {name: value for name, value in (data.get("render") or {}).items() if name != "rows"}
    common = {name: values[0] for name, values in columns.items() if _is_common(name, values)}
    if not common.keys() >= {"width", "height"}:
        common = {name: value for name, value in common.items() if name not in {"width", "height"}}
    differing = {
        name: values for name, values in columns.items() if name not in common and not _is_default(name, values)
    }
    model = {name: given[name] for name in ("model",) if name in given}
    same = model | _ordered(_sized({name: value for name, value in common.items() if not _is_default(name, [value])}))
    if set(differing) == {"prompt"}:
        return Written({**data, "render": {**same, "prompt": list(differing["prompt"]), **given}})
    rows = [_row(differing, number) for number in range(len(manifest.render.factors[0]))]
    return Written({**data, "render": {**same, **given}}, rows)


def _check_length(fits: bool, what: str) -> None:  # noqa: FBT001 reads as a sentence
    if not fits:
        message = f"{what}, too many for one YAML: write -o job.yaml, and they go into a file beside it."
        raise ManifestError(message.replace("too many", "too much") if what == "is long" else message)


def _is_common(name: str, values: Sequence[Any]) -> bool:
    """Whether a field is the same in every row, and stands for all of them."""
    first = values[0]
    return name in READERS and name != "prompt" and first is not None and all(value == first for value in values)


def _is_default(name: str, values: Sequence[Any]) -> bool:
    """Whether no row gives a field."""
    return all(value is None or value == EMPTY.get(name) or value == {} for value in values)


def _row(columns: Mapping[str, Sequence[Any]], number: int) -> dict[str, Any]:
    cells = {name: values[number] for name, values in columns.items()}
    return _ordered(_sized({name: cell for name, cell in cells.items() if not _is_default(name, [cell])}))


def _sized(values: dict[str, Any]) -> dict[str, Any]:
    """Both edges as one size."""
    if values.get("width") is None or values.get("height") is None:
        return values
    rest = {name: value for name, value in values.items() if name not in {"width", "height"}}
    return {**rest, "size": f"{values['width']}x{values['height']}"}


def _ordered(values: Mapping[str, Any]) -> dict[str, Any]:
    """The key of the user's own first, then the fields in one order, then what else there is."""
    order = ["custom_id", *(name for name in _ORDER if name in values), *values]
    return {name: values[name] for name in dict.fromkeys(order) if name in values}


def _styled(row: Mapping[str, Any]) -> Any:
    """A row on one line where it is short enough."""
    from ruamel.yaml.comments import CommentedMap

    styled = CommentedMap(row)
    if sum(len(f"{name}: {value}, ") for name, value in row.items()) <= _LINE:
        styled.fa.set_flow_style()
    return styled


def _flowing(section: Any) -> Any:
    """A section whose axes of numbers and words stand on one line each."""
    from ruamel.yaml.comments import CommentedSeq

    if not isinstance(section, dict):
        return section
    found = dict(section)
    for name, values in section.items():
        plain = isinstance(values, list) and name not in {"prompt", "negative_prompt", "rows"}
        if plain and sum(len(f"{value}, ") for value in values) <= _LINE:
            found[name] = CommentedSeq(values)
            found[name].fa.set_flow_style()
    return found


def _quoted(value: Any) -> Any:
    """A value, changed in place, whose texts are quoted where YAML would read a plain one as something else."""
    from ruamel.yaml.scalarstring import DoubleQuotedScalarString

    if isinstance(value, str):
        return value if _PLAIN.fullmatch(value) else DoubleQuotedScalarString(value)
    if isinstance(value, list):
        for index, each in enumerate(value):
            value[index] = _quoted(each)
    elif isinstance(value, dict):
        items = [(_quoted(key), _quoted(each)) for key, each in value.items()]
        value.clear()
        value.update(items)
    return value


def _dumped(document: Mapping[str, Any]) -> str:
    from ruamel.yaml import YAML

    yaml = YAML()
    yaml.width = MANIFEST_BYTES
    yaml.allow_unicode = True
    stream = io.StringIO()
    plain = copy.deepcopy({key: _flowing(value) for key, value in document.items()})
    yaml.dump(_quoted(plain), stream)
    return stream.getvalue()
