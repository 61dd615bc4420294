"""Every field of ``render``: its names, and how one value of it is read.

A reader takes one value as YAML, JSON or a table's cell hands it over and returns it canonical; it raises
`WrongValueError`, or a plain `ValueError`, with what was expected.
"""

import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from farm.manifest.limits import TEXT
from farm.manifest.numbers import parse_range
from farm.manifest.place import shown
from farm.steps.policy import MAXIMUM
from farm.steps.schedulers import SPACINGS, canonical

#: Largest seed a torch generator takes.
MAX_SEED = 2**64 - 1
_EDGES = (8, 16384)
_GUIDANCE = 1000.0
_SIZE = re.compile(r"\s*(\d{1,6})\s*[xX]\s*(\d{1,6})\s*")
_WHOLE = re.compile(r"\s*[+-]?\d+\s*")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_DTYPES = {"auto": "auto", "float32": "float32", "float16": "float16", "bfloat16": "bfloat16"} | {
    "fp32": "float32",
    "fp16": "float16",
    "half": "float16",
    "bf16": "bfloat16",
}


class WrongValueError(ValueError):
    """A value is not what its field takes; says what was expected."""


class WrongItemError(WrongValueError):
    """An item of a list is wrong."""

    def __init__(self, index: int, message: str) -> None:
        self.index = index
        super().__init__(message)


def whole(low: int, high: int) -> Callable[[Any], int]:
    """A reader of whole numbers from `low` to `high`."""

    def read(value: Any) -> int:
        """A whole number within the bounds."""
        digits = value.strip() if isinstance(value, str) else ""
        if isinstance(value, str) and _WHOLE.fullmatch(value):
            if len(digits) > len(str(high)) + 1:
                raise WrongValueError(
                    f"must be a whole number from {low} to {high}, and this one has {len(digits)} digits."
                )
            value = int(digits)
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise WrongValueError(f"must be a whole number from {low} to {high}, and {shown(value)} is not.")
        return value

    return read


def _steps(value: Any) -> int:
    """Inference steps: `MAXIMUM` is absolute, and what a step policy moves lies inside it."""
    try:
        return whole(1, MAXIMUM)(value)
    except WrongValueError as error:
        absolute = type(value) is int or (isinstance(value, str) and _WHOLE.fullmatch(value))
        hint = " No run.step_policy changes that: it moves steps inside these bounds." if absolute else ""
        raise WrongValueError(f"{error}{hint}") from None


def number(value: Any) -> float:
    """A finite number from 0 to 1000."""
    try:
        found = math.nan if isinstance(value, bool) or not isinstance(value, int | float | str) else float(value)
    except (ValueError, OverflowError):
        found = math.nan
    if not 0 <= found <= _GUIDANCE:
        raise WrongValueError(f"must be a number from 0 to {_GUIDANCE:g}, and {shown(value)} is not.")
    return found + 0.0


def text(value: Any) -> str:
    """Text, in any script."""
    if not isinstance(value, str):
        hint = " (put it in quotes)" if isinstance(value, int | float) else ""
        raise WrongValueError(f"must be text, and {shown(value)} is not{hint}.")
    if len(value) > TEXT:
        raise WrongValueError(f"has {len(value):,} characters, and {TEXT:,} are the most of one text.")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise WrongValueError("holds half of a surrogate pair, which is no character.") from None
    return str(value)


def word(value: Any) -> str:
    """Text on one line that is not empty, such as a model's id."""
    found = text(value).strip()
    if not found or _CONTROL.search(found):
        raise WrongValueError(f"must be a name on one line, and {shown(value)} is not.")
    return found


def size(value: Any) -> tuple[int, int]:
    """``1024x768`` -> width and height in pixels."""
    found = _SIZE.fullmatch(value) if isinstance(value, str) else None
    if not found:
        raise WrongValueError(f"must be WIDTHxHEIGHT such as 1024x1024, and {shown(value)} is not.")
    return edge(int(found[1])), edge(int(found[2]))


def edge(value: Any) -> int:
    """An edge in pixels: a multiple of 8, since every latent diffusion model works in such steps."""
    found = whole(*_EDGES)(value)
    if found % 8:
        raise WrongValueError(
            f"must be a multiple of 8 such as {found - found % 8} or {found - found % 8 + 8}, not {found}."
        )
    return found


def choice(values: Sequence[str]) -> Callable[[Any], str]:
    """A reader of one of some words."""

    def read(value: Any) -> str:
        """One of the words."""
        if value not in values:
            raise WrongValueError(f"must be one of {', '.join(values)}, and {shown(value)} is not.")
        return str(value)

    return read


def dtype(value: Any) -> str:
    """A data type of weights, under its torch name."""
    return _DTYPES[choice(list(_DTYPES))(value.lower() if isinstance(value, str) else value)]


def label(value: Any) -> str:
    """The user's own key of a task."""
    return text(value if not isinstance(value, int) or isinstance(value, bool) else str(value))


def meta(value: Any) -> dict[str, Any]:
    """What the user wants carried into the results: a mapping that JSON can hold."""
    if not isinstance(value, dict):
        raise WrongValueError(f"must be a mapping of keys to values, and {shown(value)} is not.")
    try:
        json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
    except (ValueError, RecursionError):
        raise WrongValueError(
            "holds what JSON cannot: NaN, infinity, half a character or too deep a nesting."
        ) from None
    return value


#: Canonical name of a field -> reader of one value.
READERS: Mapping[str, Callable[[Any], Any]] = {
    "model": word,
    "revision": word,
    "variant": word,
    "dtype": dtype,
    "prompt": text,
    "negative_prompt": text,
    "seed": whole(0, MAX_SEED),
    "steps": _steps,
    "guidance_scale": number,
    "scheduler": lambda value: canonical(word(value)),
    "timestep_spacing": choice(SPACINGS),
    "size": size,
    "width": edge,
    "height": edge,
}
#: Fields that only a table's column gives.
LABELS: Mapping[str, Callable[[Any], Any]] = {"custom_id": label, "meta": meta}
#: Fields that may be written as a range expression.
RANGES = ("seed", "steps")
#: Other names of a field.
ALIASES = (
    dict.fromkeys(("num_inference_steps", "inference_steps", "sample_steps", "quality_steps"), "steps")
    | dict.fromkeys(("cfg_scale", "cfgscale", "cfg", "guidance"), "guidance_scale")
    | dict.fromkeys(("sampler", "sampler_name"), "scheduler")
    | dict.fromkeys(("negativeprompt", "negative"), "negative_prompt")
)
#: Fields of ``render`` that are no axis.
PLAIN = ("family", "combine", "meta", "rows")
#: Fields that the design knows and nothing carries out yet.
LATER = ("image", "mask", "strength", "outpaint", "loras")


@dataclass(frozen=True, slots=True)
class Axis:
    """Values of one field, in the user's order."""

    values: Sequence[Any]
    #: Whether the field was written as several values; one that was not is a constant.
    several: bool = True


def read_values(name: str, value: Any) -> Axis:
    """The values of a field given as one value, a list or a range expression.

    Raises:
        ValueError: a value is wrong; says what was expected.
        WrongItemError: an item of a list is wrong; says which too.
    """
    if isinstance(value, list):
        if not value:
            raise WrongValueError("is an empty axis: it needs at least one value.")
        return Axis(_items(READERS[name], value))
    if name in RANGES and isinstance(value, str):
        return _range(name, value)
    try:
        return Axis([READERS[name](value)], several=False)
    except ValueError as error:
        raise WrongValueError(f"{error}{_list_hint(READERS[name], value)}") from None


def _list_hint(read: Callable[[Any], Any], value: Any) -> str:
    """What to write instead of several values in one text; nothing where it is something else."""
    words = [word.strip() for word in value.split(",")] if isinstance(value, str) else []
    try:
        _items(read, words)
    except ValueError:
        return ""
    return f" Several values are a list: write [{', '.join(words)}]." if len(words) > 1 else ""


def _range(name: str, value: str) -> Axis:
    if _WHOLE.fullmatch(value):
        return Axis([READERS[name](value)], several=False)
    numbers = parse_range(value)
    ends = (numbers[0], numbers[-1]) if isinstance(numbers, range) else (min(numbers), max(numbers))
    for end in ends:
        READERS[name](end)
    return Axis(numbers)


def _items(read: Callable[[Any], Any], values: Sequence[Any]) -> list[Any]:
    found = []
    for index, value in enumerate(values):
        try:
            found.append(read(value))
        except ValueError as error:
            raise WrongItemError(index, str(error)) from None
    return found
