"""Text of a YAML or JSON manifest -> plain values, and the line of each."""

import io
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from farm.errors import ManifestError
from farm.manifest.place import Place

if TYPE_CHECKING:
    from ruamel.yaml import YAML
    from ruamel.yaml.nodes import Node

#: Longest number that is read as one; longer ones stay `LongNumber`, which no field accepts.
_DIGITS = 40
#: Deepest nesting that is read; deeper is an accident or an attack.
_DEPTH = 40
#: Most values that are read, aliases followed.
_VALUES = 5_000_000
#: Up to this many characters a JSON manifest is read a second time for its lines.
_LINES_UP_TO = 1_000_000
_TAG = "tag:yaml.org,2002:"


class LongNumber(str):
    """A whole number of absurd length, kept as text so that its field can refuse it by name."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"a number of {len(self)} digits"


@dataclass(slots=True)
class _Reader:
    """Turns the nodes of one YAML document into values."""

    yaml: "YAML"
    file: str | None
    lines: dict[str, int] = field(default_factory=dict)
    count: int = 0

    def read(self, node: "Node", path: str, depth: int = 0) -> Any:
        """The value of a node, the lines of all in it noted."""
        from ruamel.yaml.nodes import MappingNode, SequenceNode

        self.count += 1
        line = node.start_mark.line + 1
        if depth > _DEPTH or self.count > _VALUES:
            raise ManifestError("is nested too deeply or holds too many values.", file=self.file, line=line, field=path)
        self.lines.setdefault(path, line)
        if isinstance(node, MappingNode):
            return self._mapping(node, path, depth)
        if isinstance(node, SequenceNode):
            return [self.read(item, f"{path}.{i}", depth + 1) for i, item in enumerate(node.value)]
        return self._scalar(node, path)

    def _mapping(self, node: "Node", path: str, depth: int) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            key = key_node.value if isinstance(key_node.value, str) else "a list or mapping"
            where = f"{path}.{key}" if path else key
            if key in values:
                raise ManifestError(f"the key {key!r} is there twice.", file=self.file, line=line, field=where)
            self.lines[where] = line
            values[key] = self.read(value_node, where, depth + 1)
        return values

    def _scalar(self, node: "Node", path: str) -> Any:
        tag, text = str(node.tag).removeprefix(_TAG), str(node.value)
        if tag in {"str", "timestamp"}:
            return text
        if tag == "int" and len(text) > _DIGITS:
            return LongNumber(text)
        if tag in {"int", "float", "bool", "null"}:
            try:
                return self.yaml.constructor.construct_object(node, deep=True)
            except (ValueError, LookupError):
                return text
        line = node.start_mark.line + 1
        raise ManifestError(f"the tag {tag[:40]!r} is not supported.", file=self.file, line=line, field=path)


def read_yaml(text: str, file: str | None) -> tuple[Any, Mapping[str, int]]:
    """The value of a YAML 1.2 document, and the line of each value by its dotted path.

    Raises:
        ManifestError: it does not parse; with the line and what was expected.
    """
    from ruamel.yaml import YAML
    from ruamel.yaml.error import MarkedYAMLError, YAMLError

    yaml = YAML(typ="safe", pure=True)
    reader = _Reader(yaml, file)
    try:
        node = yaml.compose(io.StringIO(text))
        return (None if node is None else reader.read(node, "")), reader.lines
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f" at column {mark.column + 1}" if mark else ""
        raise ManifestError(
            f"this is no YAML: {error.problem or error.context}{place}.",
            file=file,
            line=mark.line + 1 if mark else None,
        ) from None
    except RecursionError:
        raise ManifestError("this YAML is nested too deeply.", file=file) from None
    except YAMLError as error:
        first = str(error).strip().splitlines() or ["it cannot be read"]
        raise ManifestError(f"this is no YAML: {first[0]}.", file=file) from None


def read_json(text: str, file: str | None) -> tuple[Any, Mapping[str, int]]:
    """The value of a JSON document, and the lines of its values where they can be told."""
    value = parse_json(text, file)
    try:
        lines = read_yaml(text, file)[1] if len(text) <= _LINES_UP_TO else {}
    except ManifestError:
        lines = {}
    return value, lines


def parse_json(text: str, file: str | None, *, line: int = 1) -> Any:
    """The value of a JSON text that starts at a line of a file; `ManifestError` with the line when it is none."""

    def integer(digits: str) -> int | str:
        """A number, unless it is absurd."""
        return int(digits) if len(digits) <= _DIGITS else LongNumber(digits)

    def constant(name: str) -> float:
        """Python's own additions to JSON."""
        raise ManifestError(f"{name} is no JSON value.", file=file, line=line)

    def pairs(items: list[tuple[str, Any]]) -> dict[str, Any]:
        """A mapping without a key that is there twice."""
        values = dict(items)
        if len(values) < len(items):
            twice = next(key for i, (key, _) in enumerate(items) if key in dict(items[:i]))
            raise ManifestError(f"the key {twice[:60]!r} is there twice.", file=file, line=line)
        return values

    try:
        return json.loads(text, parse_int=integer, parse_constant=constant, object_pairs_hook=pairs)
    except json.JSONDecodeError as error:
        at = line + error.lineno - 1
        raise ManifestError(f"this is no JSON: {error.msg} at column {error.colno}.", file=file, line=at) from None
    except RecursionError:
        raise ManifestError("this JSON is nested too deeply.", file=file, line=line) from None


@dataclass(frozen=True, slots=True)
class Document:
    """What the user wrote, as plain values."""

    data: dict[str, Any]
    place: Place
