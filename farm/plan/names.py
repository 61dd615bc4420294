"""Output names: the pattern in ``output.name``, and the proof that no two pictures get one name."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from string import Formatter
from typing import Any

from farm.manifest.place import shown
from farm.manifest.task import RenderTask

_WHOLE = re.compile(r"(0\d{1,2})?[dxX]?")
_REAL = re.compile(r"(0\d{1,2})?(\.\d)?[fg]?")
_UNSAFE = re.compile(r"[^\w.+=@-]+")
_CONTROL = re.compile(r"[\x00-\x1f\x7f\\]")
_OTHER_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".gif", ".tif", ".tiff", ".bmp")
#: Longest part of a path in bytes, as file systems have it, and longest name: a key of S3 takes 1024.
_PART, _NAME = 255, 700

#: Field of a name -> its value in a task.
FIELDS: Mapping[str, Callable[[RenderTask], Any]] = {
    "index": lambda task: task.index,
    "prompt_index": lambda task: task.prompt_index,
    "seed": lambda task: task.seed,
    "steps": lambda task: task.steps,
    "width": lambda task: task.width,
    "height": lambda task: task.height,
    "guidance_scale": lambda task: task.guidance_scale,
    "scheduler": lambda task: task.scheduler,
    "model": lambda task: model_word(task.pipeline.model),
    "custom_id": lambda task: task.custom_id,
    "task_id": lambda task: task.task_id,
}
_REALS = ("guidance_scale",)
#: Fields that hold whole numbers.
WHOLES = ("index", "prompt_index", "seed", "steps", "width", "height")


def model_word(model: str) -> str:
    """A model as part of a file's name: a folder's own name, anything else with its odd characters made plain."""
    name = model.rstrip("/").rpartition("/")[2] if model.startswith("/") else model
    return _UNSAFE.sub("-", name).strip(".-") or "model"


@dataclass(frozen=True, slots=True)
class Part:
    """Literal text, and the field that follows it; None at the end."""

    literal: str
    field: str | None = None
    spec: str = ""

    def show(self, value: Any) -> str:
        """A value of the field as the name shows it."""
        if value is None:
            return "default"
        return format(value, self.spec)


@dataclass(frozen=True)
class NamePattern:
    """A checked ``output.name``.

    Args:
        parts: the pattern, its extension included.
    """

    parts: tuple[Part, ...]

    @classmethod
    def parse(cls, pattern: str, *, extensions: tuple[str, ...] = (".png",)) -> "NamePattern":
        """Check a pattern; the first of the extensions is added where none of them is there.

        Raises:
            ValueError: an unknown field or format, or a name that would leave the job's folder; says which.
        """
        try:
            found = [Part(*_checked(*each)) for each in Formatter().parse(pattern)]
        except ValueError as error:
            raise ValueError(f"{shown(pattern)} is no name: {str(error).rstrip('.?')}.") from None
        last = found[-1].literal.lower() if found and found[-1].field is None else ""
        if not last.endswith(extensions):
            if last.endswith(_OTHER_SUFFIXES):
                ending = last[last.rindex(".") :]
                raise ValueError(f"{shown(pattern)} ends in {ending}, and the pictures' ending is {extensions[0]}.")
            found.append(Part(extensions[0]))
        parsed = cls(tuple(found))
        parsed.check("".join(part.literal + ("x" if part.field else "") for part in found))
        return parsed

    @property
    def fields(self) -> list[str]:
        """The fields it shows."""
        return [part.field for part in self.parts if part.field is not None]

    def name(self, task: RenderTask) -> str:
        """The name of a task's picture, inside the job's folder."""
        return "".join(self._words(task))

    def _words(self, task: RenderTask) -> Iterator[str]:
        for part in self.parts:
            yield part.literal
            if part.field is not None:
                yield part.show(FIELDS[part.field](task))

    def check(self, name: str) -> None:
        """Refuse a name that leaves the job's folder or that a store cannot keep; raises `ValueError`."""
        parts = name.split("/")
        if name.startswith(("/", "~")) or any(part.strip() in {"", ".", ".."} for part in parts):
            raise ValueError(f"{name[:80]!r} leaves the job's folder or has an empty part.")
        if _CONTROL.search(name):
            raise ValueError(f"{name[:80]!r} holds a control character or a backslash.")
        if len(name.encode()) > _NAME or any(len(part.encode()) > _PART for part in parts):
            raise ValueError(f"{name[:40]!r} … is too long: {_PART} bytes are the most between two slashes.")


def _checked(literal: str, field: str | None, spec: str | None, conversion: str | None) -> tuple[str, str | None, str]:
    if field is None:
        return literal, None, ""
    if field not in FIELDS:
        near = get_close_matches(field, FIELDS, n=1)
        hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(FIELDS)}"
        raise ValueError(f"there is no field {field[:40]!r}; {hint}")
    allowed = _WHOLE if field in WHOLES else _REAL if field in _REALS else re.compile("")
    if conversion or not allowed.fullmatch(spec or ""):
        written = f"{{{field}{'!' + conversion if conversion else ''}{':' + spec if spec else ''}}}"
        raise ValueError(f"{written} asks for a format that {field} does not have; write {{{field}}} or {{index:06}}")
    return literal, field, spec or ""
