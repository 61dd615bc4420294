"""OpenAI's batch files: a request per line, ``custom_id``, ``method``, ``url``, ``body``.

The fields of ``body`` are those of ``POST /v1/images/generations``; servers that speak the same protocol take ours
beside them (``seed``, ``negative_prompt``, ``num_inference_steps`` …), and so do we.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from farm.manifest.dialect import Dialect
from farm.manifest.fields import size
from farm.manifest.foreign import Models, model_reader, several
from farm.manifest.formats import Row, Rows, counted

#: What tells such a file.
_ENVELOPE = ("custom_id", "method", "url", "body")
_URL = "/v1/images/generations"
#: Fields of the body that say how an answer is sent, or that only that service's own models know.
_UNUSED = frozenset(
    {
        "background",
        "moderation",
        "output_compression",
        "output_format",
        "partial_images",
        "quality",
        "response_format",
        "stream",
        "style",
    }
)


def is_batch(table: Rows) -> bool:
    """Whether the first line of a file is a request of a batch."""
    return not table.has_header and {"method", "url", "body"} <= set(table.header)


def read_batch(table: Rows, models: Models) -> Rows:
    """The tasks that the requests ask for: ``n`` of each, with its ``custom_id``.

    Args:
        table: a file of which `is_batch` is true.
        models: what the names of models mean.
    """
    dialect = Dialect(readers={"size": _size, "model": model_reader(models)}, unused=_UNUSED, within=_within)
    read = replace(table, header=(), dialect=dialect)
    return replace(read, rows=counted(read.file, _tasks(read)))


def _within(column: str) -> str:
    return column if column in _ENVELOPE else f"body.{column}"


def _size(value: Any) -> tuple[int, int] | None:
    """``1024x1024``; ``auto`` is the model's own."""
    return None if isinstance(value, str) and value.strip().casefold() == "auto" else size(value)


def _tasks(table: Rows) -> Iterator[Row]:
    for line, request in table.rows:
        _check(table, line, request)
        around = {name: cell for name, cell in request.items() if name not in _ENVELOPE}
        cells = around | request["body"] | {"custom_id": request.get("custom_id")}
        yield from several(table, (line, {name: cell for name, cell in cells.items() if cell is not None}), "n")


def _check(table: Rows, line: int, request: Any) -> None:
    """Refuse what is no request for pictures."""
    method, url = request.get("method"), request.get("url")
    if method != "POST":
        raise table.error(f"must be POST, and {str(method)[:40]!r} is not.", line=line, column="method")
    if url != _URL:
        message = f"must be {_URL}, the one kind of request that is rendered, and {str(url)[:60]!r} is not."
        raise table.error(message, line=line, column="url")
    if not isinstance(request.get("body"), dict):
        raise table.error("must be the request: a mapping with prompt, size, n …", line=line, column="body")
