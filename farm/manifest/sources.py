"""Where the rows of tasks come from: a file of ours or of another service, or the manifest's own ``render.rows``."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from farm.manifest import formats
from farm.manifest.dialect import Dialect
from farm.manifest.foreign import Models
from farm.manifest.formats import Row, Rows, counted
from farm.manifest.openai import is_batch, read_batch
from farm.manifest.paths import find
from farm.manifest.place import Place, shown
from farm.manifest.requests import are_requests, begins_list, open_list, read_requests
from farm.manifest.samplers import paired

_ROWS = "render.rows"


def open_table(path: Path, file: str, models: Models) -> Rows | None:
    """The tasks of a file, whoever's requests they are; None when it is no table, but perhaps a manifest.

    Args:
        path: where it is.
        file: as the user named it.
        models: what the model ids of other services mean.

    Raises:
        ManifestError: the file is wrong.
    """
    suffix = path.suffix.lower()
    if suffix in formats.READERS:
        table = formats.open_rows(path, file)
    elif suffix == ".json" and begins_list(path):
        table = open_list(path, file)
    else:
        return None
    if is_batch(table):
        return read_batch(table, models)
    return read_requests(table, models) if are_requests(table) else paired(table)


def manifest_rows(value: Any, *, place: Place, base: Path, models: Models) -> Rows:
    """The tasks that a manifest lists under ``render.rows``, or the file that it names there.

    Args:
        value: a list of mappings, or ``{file: tasks.csv}``.
        place: of the manifest.
        base: the folder that a relative path starts from.
        models: what the model ids of other services mean.

    Raises:
        ManifestError: it is something else, or the file is wrong.
    """
    if isinstance(value, dict):
        return _named(value, place, base, models)
    if not isinstance(value, list) or not value:
        place.fail(f"must be a list of tasks, or {{file: tasks.csv}}, and {shown(value)} is not.", _ROWS)
    rows = _Listed(value, place)
    return Rows(place.file or "the manifest", (), counted(place.file or "", rows.read()), Dialect(within=rows.path))


@dataclass
class _Listed:
    """Rows that stand in a manifest; `number` is the one being read."""

    values: list[Any]
    place: Place
    number: int = 0

    def path(self, column: str) -> str:
        """Where a cell stands."""
        return f"{_ROWS}.{self.number}.{column}"

    def read(self) -> Iterator[Row]:
        """The rows; one that is no mapping is refused."""
        for number, row in enumerate(self.values):
            self.number = number
            where = f"{_ROWS}.{self.number}"
            if not isinstance(row, dict):
                self.place.fail(f"must be a task, a mapping of fields to values, and {shown(row)} is not.", where)
            yield self.place.lines.get(where, 0), {name: cell for name, cell in row.items() if cell is not None}


def _named(value: Mapping[str, Any], place: Place, base: Path, models: Models) -> Rows:
    place.check_keys(value, _ROWS, known=("file",))
    file = value.get("file")
    found = find(file, base) if isinstance(file, str) else None
    if not isinstance(file, str) or found is None:
        place.fail(f"there is no file {shown(file)}, beside the manifest or in the working directory.", _ROWS)
    table = open_table(found, file, models)
    if table is None:
        place.fail(f"{shown(file)} is no table: its name ends in none of {', '.join(formats.READERS)}.", _ROWS)
    return table
