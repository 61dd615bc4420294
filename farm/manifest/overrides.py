"""``--set render.steps=20``: values written over the manifest's own."""

from collections.abc import Sequence
from typing import Any

from farm.errors import ManifestError
from farm.manifest.document import read_yaml
from farm.manifest.fields import ALIASES
from farm.manifest.place import shown

_LISTS = ("[", "{", '"', "'")
_QUOTES = ('"', "'")
#: Field whose text is nothing but text -> the beginnings that are read as YAML all the same.
_PROSE = {"render.prompt": _LISTS, "render.negative_prompt": _LISTS, "name": _QUOTES, "output.name": _QUOTES}
#: What a field makes void where it is set over a manifest that has the other.
_REPLACES = {"size": ("width", "height"), "width": ("size",), "height": ("size",)}


def apply(data: dict[str, Any], overrides: Sequence[str]) -> dict[str, str]:
    """Write overrides of the form ``path=value`` into a manifest's plain values.

    Args:
        data: the manifest; changed in place.
        overrides: a value is read as YAML, so that ``8``, ``1-4`` and ``[10, 20]`` mean what they do in a manifest.

    Returns:
        Path of each value that was written -> the override, for errors to name.

    Raises:
        ManifestError: an override is no ``path=value``, or its path leads through something that is no mapping.
    """
    origins: dict[str, str] = {}
    for override in overrides:
        path, equals, text = override.partition("=")
        origin = f"--set {override if len(override) <= 60 else override[:56] + ' …'}"  # noqa: PLR2004 fits a line
        keys = path.strip().split(".")
        if not equals or not all(keys):
            raise ManifestError("is no setting: write --set render.steps=20.", file=origin)
        value = _value(path.strip(), text, origin)
        target = _target(data, keys, origin)
        if keys[0] == "render" and len(keys) == 2:  # noqa: PLR2004 a field of render
            _make_way(target, keys[1])
        target[keys[-1]] = value
        origins[".".join(keys)] = origin
    return origins


def _value(path: str, text: str, origin: str) -> Any:
    """The value as YAML reads it; prose is taken as it stands, colons and all."""
    if not text.strip() or (path in _PROSE and not text.lstrip().startswith(_PROSE[path])):
        return text
    try:
        return read_yaml(text, origin)[0]
    except ManifestError as error:
        raise ManifestError(error.message, file=origin, field=error.field) from None


def _target(data: dict[str, Any], keys: Sequence[str], origin: str) -> dict[str, Any]:
    """The mapping that the last key belongs in; made where it is not there."""
    for depth, key in enumerate(keys[:-1], start=1):
        inner = data.get(key)
        if inner is None:
            inner = data[key] = {}
        if not isinstance(inner, dict):
            raise ManifestError(f"leads through {'.'.join(keys[:depth])}, which is {shown(inner)}.", file=origin)
        data = inner
    return data


def _make_way(render: dict[str, Any], key: str) -> None:
    """Take out what the new value stands in for: other names of the field, a size for an edge."""
    name = ALIASES.get(key, key)
    same = [other for other in render if ALIASES.get(other, other) == name and other != key]
    for other in (*same, *_REPLACES.get(key, ())):
        render.pop(other, None)
