"""Prompt files and tables: ``.txt``, ``.csv``, ``.tsv``, ``.jsonl``; a bad row is reported with its line."""

import csv
import io
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from farm.errors import ManifestError
from farm.manifest.document import parse_json


@dataclass(frozen=True, slots=True)
class Table:
    """A file of rows.

    Args:
        file: the file as the user named it.
        columns: name as the file writes it -> one cell per row; None where a JSONL row lacks it.
        lines: the line each row starts on, counted from 1.
    """

    file: str
    columns: Mapping[str, list[Any]]
    lines: list[int]

    def __len__(self) -> int:
        return len(self.lines)

    def error(self, message: str, *, row: int | None = None, column: str | None = None) -> ManifestError:
        """An error in a row; None is the whole file."""
        return ManifestError(message, file=self.file, line=None if row is None else self.lines[row], field=column)


def read_text(path: Path, file: str) -> str:
    """The text of a UTF-8 file, without its byte order mark.

    Raises:
        ManifestError: it is not there, no plain file, or not UTF-8; then with the line.
    """
    try:
        if not path.exists():
            raise ManifestError("there is no such file.", file=file)
        if not path.is_file():
            raise ManifestError("is no file.", file=file)
        data = path.read_bytes()
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise ManifestError(f"cannot be read: {reason}.", file=file) from None
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ManifestError("is not UTF-8 here: save the file as UTF-8.", file=file, line=line) from None


def read_table(path: Path, file: str) -> Table:
    """A table by its file's suffix; the column of a ``.txt`` is ``prompt``.

    Raises:
        ManifestError: the file is wrong, empty, or of a kind that is no table.
    """
    reader = READERS.get(path.suffix.lower())
    if reader is None:
        raise ManifestError(f"is none of {', '.join(READERS)}, by its name.", file=file)
    table = reader(read_text(path, file), file)
    if not table.lines:
        raise ManifestError("is empty: it needs at least one prompt.", file=file)
    return table


def _lines(text: str) -> Iterator[tuple[int, str]]:
    """Lines that are not blank, with their numbers; a carriage return ends a line as a line feed does."""
    plain = text.replace("\r\n", "\n").replace("\r", "\n")
    return ((number, line) for number, line in enumerate(plain.split("\n"), start=1) if line.strip())


def _read_txt(text: str, file: str) -> Table:
    found = list(_lines(text))
    return Table(file, {"prompt": [line.strip() for _, line in found]}, [number for number, _ in found])


def _read_jsonl(text: str, file: str) -> Table:
    columns: dict[str, list[Any]] = {}
    lines: list[int] = []
    for number, line in _lines(text):
        row = parse_json(line, file, line=number)
        if not isinstance(row, dict):
            raise ManifestError("must be a JSON object: one task per line.", file=file, line=number)
        _check_json(row, file, number)
        for name in row:
            columns.setdefault(name, [None] * len(lines))
        for name, cells in columns.items():
            cells.append(row.get(name))
        lines.append(number)
    return Table(file, columns, lines)


def _check_json(row: dict[str, Any], file: str, line: int) -> None:
    """Refuse what was read but cannot be written again, in a field or in ``meta``."""
    try:
        json.dumps(row, ensure_ascii=False).encode()
    except (UnicodeEncodeError, RecursionError):
        message = "holds half of a surrogate pair, which is no character, or nests too deeply."
        raise ManifestError(message, file=file, line=line) from None


def _separated(delimiter: str) -> Callable[[str, str], Table]:
    def read(text: str, file: str) -> Table:
        """A header, then rows of as many cells."""
        rows = _rows(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True), file)
        first = next(rows, None)
        if first is None:
            raise ManifestError("is empty: it needs a header and at least one row.", file=file)
        header = _header(first[1], file, first[0])
        lines: list[int] = []
        columns: dict[str, list[Any]] = {name: [] for name in header}
        for line, row in rows:
            if len(row) != len(header):
                raise ManifestError(
                    f"this row has {len(row)} cells, and the header has {len(header)}: quote cells that hold a "
                    f"{'comma' if delimiter == ',' else 'tab'} or a line break.",
                    file=file,
                    line=line,
                )
            for name, cell in zip(header, row, strict=True):
                columns[name].append(cell)
            lines.append(line)
        return Table(file, columns, lines)

    return read


def _rows(reader: Any, file: str) -> Iterator[tuple[int, list[str]]]:
    """Rows that are not blank, with the line each starts on."""
    line = 1
    try:
        for row in reader:
            if any(cell.strip() for cell in row):
                yield line, row
            line = reader.line_num + 1
    except csv.Error as error:
        raise ManifestError(f"this row is wrong: {error}.", file=file, line=line) from None


def _header(cells: list[str], file: str, line: int) -> list[str]:
    header = [cell.strip() for cell in cells]
    twice = next((name for i, name in enumerate(header) if name in header[:i]), None)
    if twice is not None or "" in header:
        problem = "a column has no name" if "" in header else f"the column {twice!r} is there twice"
        raise ManifestError(f"the header is wrong: {problem}.", file=file, line=line)
    return header


#: Suffix -> reader.
READERS: Mapping[str, Callable[[str, str], Table]] = {
    ".txt": _read_txt,
    ".csv": _separated(","),
    ".tsv": _separated("\t"),
    ".jsonl": _read_jsonl,
}
