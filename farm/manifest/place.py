"""Where a value stands in what the user wrote, and the errors that name that place."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any, NoReturn

from farm.errors import ManifestError


@dataclass(frozen=True, slots=True)
class Place:
    """A file and the lines of its values.

    Args:
        file: the file as the user named it; None for a manifest given as a value.
        lines: dotted path such as ``render.prompt.3`` -> line, counted from 1.
        origins: dotted path -> what wrote the value over the file's own, such as ``--set render.steps=20``.
    """

    file: str | None = None
    lines: Mapping[str, int] = field(default_factory=dict)
    origins: Mapping[str, str] = field(default_factory=dict)

    def error(self, message: str, path: str) -> ManifestError:
        """An error about the value at a path; the line is its own or that of the nearest value around it."""
        shown, around = path, path
        while around:
            if around in self.origins:
                return ManifestError(message, file=self.origins[around], field=shown)
            if around in self.lines:
                return ManifestError(message, file=self.file, line=self.lines[around], field=shown)
            around = around.rpartition(".")[0]
        return ManifestError(message, file=self.file, field=shown or None)

    def fail(self, message: str, path: str) -> NoReturn:
        """Raise `error`."""
        raise self.error(message, path)

    def mapping(self, value: Any, path: str) -> dict[str, Any]:
        """A value that must be a mapping; None is an empty one."""
        if value is None:
            return {}
        if not isinstance(value, dict):
            self.fail(f"must be a mapping of keys to values, and {shown(value)} is not.", path)
        return value

    def check_keys(
        self,
        section: Iterable[str],
        path: str,
        *,
        known: Iterable[str],
        later: Iterable[str] = (),
        elsewhere: Mapping[str, str] | None = None,
    ) -> None:
        """Refuse keys that the farm does not know, and those it knows and does not carry out yet.

        Args:
            section: the keys.
            path: of the section.
            known: the keys it may have.
            later: the keys it will have one day.
            elsewhere: key -> the path where it belongs, of keys that belong to another section.
        """
        known, later = list(known), set(later)
        for key in section:
            where = f"{path}.{key}" if path else key
            if key in later:
                self.fail(f"{key} is known but not supported yet: remove it.", where)
            if key not in known:
                near = [*filter(None, [(elsewhere or {}).get(key)]), *get_close_matches(key, known, n=1)]
                hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(known)}."
                self.fail(f"unknown key {key[:60]!r}: {hint}", where)


def shown(value: Any) -> str:
    """A value as an error shows it: short, on one line."""
    text = repr(value) if not isinstance(value, dict | list) else {dict: "a mapping", list: "a list"}[type(value)]
    return text if len(text) <= 60 else f"{text[:56]} …"  # noqa: PLR2004 what fits a line
