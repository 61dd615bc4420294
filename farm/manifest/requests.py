"""Lists of ``imageInference`` requests, as a JSON list or one request a line.

The fields present say what is asked for: text to image, or from an image, inside a mask, beyond its edges.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from farm.errors import ManifestError
from farm.manifest.dialect import Dialect
from farm.manifest.foreign import Models, model_reader, several
from farm.manifest.formats import Row, Rows, counted, read_text
from farm.manifest.json_text import JsonReader
from farm.manifest.limits import LIST_BYTES
from farm.manifest.place import shown

_TYPE, _KIND = "taskType", "imageInference"
#: Field of a request -> ours, where the names differ by more than case; ours refuses what it cannot do yet.
_FIELDS = {
    "positivePrompt": "prompt",
    "negativePrompt": "negative_prompt",
    "CFGScale": "guidance_scale",
    "taskUUID": "custom_id",
    "seedImage": "image",
    "maskImage": "mask",
    "lora": "loras",
}
#: How the answer is sent and checked.
_UNUSED = frozenset(
    {
        "checkNSFW",
        "deliveryMethod",
        "includeCost",
        "outputFormat",
        "outputQuality",
        "outputType",
        "safety",
        "ttl",
        "uploadEndpoint",
        "webhookURL",
    }
)
#: What would make another picture.
_REFUSED = frozenset(
    {
        "acceleratorOptions",
        "acePlusPlus",
        "advancedFeatures",
        "clipSkip",
        "CLIPSkip",
        "controlNet",
        "embeddings",
        "ipAdapters",
        "maskMargin",
        "photoMaker",
        "promptWeighting",
        "puLID",
        "referenceImages",
        "refiner",
        "vae",
    }
)
#: Characters in which the first bracket of a list is looked for.
_HEAD = 4096


@dataclass
class _Place:
    """The number of the request that is read, for errors; None in a file of one request a line."""

    number: int | None = None

    def of(self, column: str) -> str:
        """Where a field stands."""
        return column if self.number is None else f"{self.number}.{column}"


def begins_list(path: Path) -> bool:
    """Whether a JSON file is a list; a file that cannot be read is none."""
    try:
        with path.open(encoding="utf-8-sig") as stream:
            return stream.read(_HEAD).lstrip().startswith("[")
    except (OSError, ValueError):
        return False


def open_list(path: Path, file: str) -> Rows:
    """The items of a JSON file that is a list of mappings; their lines are those on which they begin.

    Raises:
        ManifestError: the file is wrong or too large, or its first item is no request.
    """
    text = read_text(path, file, limit=LIST_BYTES, hint="write one request a line, as .jsonl")
    items = JsonReader(file).items(text)
    first = next(items, None)
    if first is None or not isinstance(first[1], dict) or _TYPE not in first[1]:
        message = (
            "is a list: a manifest is a mapping with the key `render`; a list holds requests with a taskType, and "
            "tasks of ours go into a .jsonl, one a line."
        )
        raise ManifestError(message, file=file)
    return Rows(file, list(first[1]), _chain(first, items))


def _chain(first: tuple[int, Any], rest: Iterator[tuple[int, Any]]) -> Iterator[Row]:
    yield first
    yield from rest


def are_requests(table: Rows) -> bool:
    """Whether the first row of a file is a request."""
    return not table.has_header and _TYPE in table.header


def read_requests(table: Rows, models: Models) -> Rows:
    """The tasks that the requests ask for: ``numberResults`` of each, with its ``taskUUID`` as ``custom_id``.

    Args:
        table: a file of which `are_requests` is true.
        models: what the ids of models mean.
    """
    place = _Place()
    dialect = Dialect(_FIELDS, {"model": model_reader(models)}, unused=_UNUSED, refused=_REFUSED, within=place.of)
    read = replace(table, header=(), dialect=dialect)
    return replace(read, rows=counted(read.file, _tasks(read, place)))


def _tasks(table: Rows, place: _Place) -> Iterator[Row]:
    is_list = table.file.lower().endswith(".json")
    for number, (line, request) in enumerate(table.rows):
        place.number = number if is_list else None
        if not isinstance(request, dict):
            message = f"must be a request, a mapping of fields to values, and {shown(request)} is not."
            raise ManifestError(message, file=table.file, line=line, field=str(number) if is_list else None)
        if request.get(_TYPE) != _KIND:
            message = f"must be {_KIND}, the one kind of task that is rendered, and {shown(request.get(_TYPE))} is not."
            raise table.error(message, line=line, column=_TYPE)
        given = {name: cell for name, cell in request.items() if cell is not None and name != _TYPE}
        yield from several(table, (line, given), "numberResults")
