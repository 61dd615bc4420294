"""Text of a YAML or JSON manifest -> plain values, and the line of each."""

import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from farm.errors import ManifestError
from farm.manifest.json_text import DIGITS, JsonReader, LongNumber
from farm.manifest.limits import MANIFEST_DEPTH, MANIFEST_VALUES

if TYPE_CHECKING:
    from ruamel.yaml import YAML
    from ruamel.yaml.composer import Composer
    from ruamel.yaml.nodes import Node

#: Up to this many characters a JSON manifest is read a second time, as YAML, for its lines.
_LINES_UP_TO = 250_000
_TAG = "tag:yaml.org,2002:"


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
        if depth > MANIFEST_DEPTH:
            raise _too_deep(self.file, line, path)
        if self.count > MANIFEST_VALUES:
            raise _too_many(self.file, line)
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
        if tag == "int" and len(text) > DIGITS:
            return LongNumber(text)
        if tag in {"int", "float", "bool", "null"}:
            try:
                return self.yaml.constructor.construct_object(node, deep=True)
            except (ValueError, LookupError):
                return text
        line = node.start_mark.line + 1
        raise ManifestError(f"the tag {tag[:40]!r} is not supported.", file=self.file, line=line, field=path)


def _too_many(file: str | None, line: int) -> ManifestError:
    message = f"holds more than {MANIFEST_VALUES:,} values, the most of a manifest: put long lists into a file."
    return ManifestError(message, file=file, line=line)


def _too_deep(file: str | None, line: int, field: str | None = None) -> ManifestError:
    message = f"is nested too deeply: {MANIFEST_DEPTH} levels are the most of a manifest."
    return ManifestError(message, file=file, line=line, field=field)


def _composer(file: str | None) -> "type[Composer]":
    """A composer of nodes that stops where a manifest has too many, before they fill the memory."""
    from ruamel.yaml.composer import Composer

    class Bounded(Composer):
        """Counts its nodes and levels."""

        def __init__(self, loader: Any = None) -> None:
            super().__init__(loader)
            self.count, self.level, self.warn_double_anchors = 0, 0, False

        def compose_node(self, parent: Any, index: Any) -> Any:
            """One node and all in it."""
            self.count += 1
            if self.count > 2 * MANIFEST_VALUES:  # a key and its value are two
                raise _too_many(file, self._line)
            if self.level > MANIFEST_DEPTH + 1:
                raise _too_deep(file, self._line)
            self.level += 1
            node = super().compose_node(parent, index)
            self.level -= 1
            return node

        @property
        def _line(self) -> int:
            line: int = self.parser.peek_event().start_mark.line
            return line + 1

    return Bounded


def read_yaml(text: str, file: str | None) -> tuple[Any, Mapping[str, int]]:
    """The value of a YAML 1.2 document, and the line of each value by its dotted path.

    Raises:
        ManifestError: it does not parse; with the line and what was expected.
    """
    from ruamel.yaml import YAML
    from ruamel.yaml.error import MarkedYAMLError, YAMLError

    yaml = YAML(typ="safe", pure=True)
    yaml.Composer = _composer(file)
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
    value = JsonReader(file).read(text)
    try:
        lines = read_yaml(text, file)[1] if len(text) <= _LINES_UP_TO else {}
    except ManifestError:
        lines = {}
    return value, lines
