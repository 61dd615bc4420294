"""Prompt files and tables, row by row: ``.txt``, ``.csv``, ``.tsv``, ``.jsonl``; what is wrong has its line."""

import codecs
import csv
import itertools
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from farm.errors import ManifestError
from farm.manifest.dialect import OWN, Dialect
from farm.manifest.json_text import JsonReader
from farm.manifest.limits import LINE, TABLE_BYTES, TABLE_ROWS, megabytes

#: A row: the line it starts on, counted from 1 (0 where nobody knows), and its cells by column.
Row = tuple[int, Mapping[str, Any]]

#: With fewer brackets than these, a row of JSON nests no deeper than it can be written again.
_BRACKETS = 100
_BLOCK = 1 << 20
#: What Python's csv calls an error -> what it means.
_CSV = {
    "unexpected end of data": 'a cell begins with a quote and never ends: close it, or write the quote as ""',
    "expected after": 'a quote inside a quoted cell is written twice: ""',
    "field larger than": f"a cell has more than {csv.field_size_limit():,} characters: is its closing quote missing?",
}


@dataclass(frozen=True, slots=True)
class Rows:
    """The rows of a file, to be gone through once.

    Args:
        file: the file as the user named it.
        header: the columns, as the file writes them; of a ``.jsonl`` those of its first row, and others may follow;
            none where they are met row by row.
        rows: at least one; a cell that a row of a ``.jsonl`` lacks is not there.
        dialect: what its columns mean.
    """

    file: str
    header: Sequence[str]
    rows: Iterator[Row]
    dialect: Dialect = OWN

    @property
    def has_header(self) -> bool:
        """Whether no row has other columns than the header."""
        return bool(self.header) and not self.file.lower().endswith((".jsonl", ".json"))

    @property
    def is_list(self) -> bool:
        """Whether it is a plain list, one value a line."""
        return self.file.lower().endswith(".txt")

    def error(self, message: str, *, line: int | None = None, column: str | None = None) -> ManifestError:
        """An error in a row; without a line, in the whole file."""
        field = None if column is None else self.dialect.within(column)
        return ManifestError(message, file=self.file, line=line or None, field=field)


def read_text(path: Path, file: str, *, limit: int, hint: str) -> str:
    """The text of a UTF-8 file, without its byte order mark.

    Args:
        path: where it is.
        file: as the user named it.
        limit: most bytes.
        hint: what to do about a file that has more.

    Raises:
        ManifestError: it is not there, no plain file, too large, or not UTF-8; then with the line.
    """
    _check_file(path, file, limit=limit, hint=hint)
    return "".join(_lines(path, file, newline=None, longest=limit))


def open_rows(path: Path, file: str) -> Rows:
    """The rows of a table by its file's suffix; the column of a ``.txt`` is ``prompt``.

    Raises:
        ManifestError: the file is wrong, empty, too large, or of a kind that is no table.
    """
    reader = READERS.get(path.suffix.lower())
    if reader is None:
        raise ManifestError(f"is none of {', '.join(READERS)}, by its name.", file=file)
    _check_file(path, file, limit=TABLE_BYTES, hint="submit it as several files")
    newline = "" if path.suffix.lower() in {".csv", ".tsv"} else None
    return reader(_lines(path, file, newline=newline, longest=LINE), file)


def _check_file(path: Path, file: str, *, limit: int, hint: str) -> None:
    try:
        if not path.exists():
            raise ManifestError("there is no such file.", file=file)
        if not path.is_file():
            raise ManifestError("is no file.", file=file)
        size = path.stat().st_size
    except (OSError, ValueError) as error:
        raise _unreadable(error, file) from None
    if size > limit:
        message = f"has {megabytes(size)}, and {megabytes(limit)} are the most that are read: {hint}."
        raise ManifestError(message, file=file)


def _unreadable(error: Exception, file: str) -> ManifestError:
    reason = error.strerror if isinstance(error, OSError) else error
    return ManifestError(f"cannot be read: {reason}.", file=file)


def _lines(path: Path, file: str, *, newline: str | None, longest: int) -> Iterator[str]:
    """The lines of a file, blank ones too; never more than one of them is in memory."""
    number = 0
    try:
        with path.open(encoding="utf-8-sig", newline=newline) as stream:
            while line := stream.readline(longest + 1):
                number += 1
                if len(line) > longest:
                    message = f"this line has more than {longest:,} characters, the most that one may have."
                    raise ManifestError(message, file=file, line=number)
                yield line
    except UnicodeDecodeError:
        message = "is not UTF-8 here: save the file as UTF-8."
        raise ManifestError(message, file=file, line=_undecodable(path)) from None
    except OSError as error:
        raise _unreadable(error, file) from None


def _undecodable(path: Path) -> int:
    """The first line of a file that is not UTF-8."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    line = 1
    with path.open("rb") as stream:
        while block := stream.read(_BLOCK):
            try:
                decoder.decode(block)
            except UnicodeDecodeError as error:
                return line + bytes(error.object).count(b"\n", 0, error.start)
            line += block.count(b"\n")
    return line


def _rows(file: str, rows: Iterator[Row], header: Sequence[str] | None = None) -> Rows:
    """Rows with their first one looked at, and no more of them than a table may have."""
    first = next(rows, None)
    if first is None:
        raise ManifestError("is empty: it needs at least one prompt.", file=file)
    return Rows(file, header or list(first[1]), counted(file, itertools.chain([first], rows)))


def counted(file: str, rows: Iterable[Row]) -> Iterator[Row]:
    """Rows, and no more of them than a table may have."""
    for number, row in enumerate(rows):
        if number >= TABLE_ROWS:
            message = f"has more than {TABLE_ROWS:,} rows, the most of one job: submit it as several files."
            raise ManifestError(message, file=file, line=row[0])
        yield row


def _read_txt(lines: Iterator[str], file: str) -> Rows:
    return _rows(file, ((number, {"prompt": line}) for number, line in _filled(lines)))


def _filled(lines: Iterator[str]) -> Iterator[tuple[int, str]]:
    """Lines that are not blank, without the space around them, with their numbers."""
    return ((number, line) for number, each in enumerate(lines, start=1) if (line := each.strip()))


def _read_jsonl(lines: Iterator[str], file: str) -> Rows:
    return _rows(file, _objects(lines, file))


def _objects(lines: Iterator[str], file: str) -> Iterator[Row]:
    reader = JsonReader(file)
    for number, line in _filled(lines):
        row = reader.read(line, line=number)
        if not isinstance(row, dict):
            raise ManifestError("must be a JSON object: one task per line.", file=file, line=number)
        if "\\u" in line or line.count("{") + line.count("[") > _BRACKETS:
            _check_json(row, file, number)
        yield number, row


def _check_json(row: dict[str, Any], file: str, line: int) -> None:
    """Refuse what was read but cannot be written again, in a field or in ``meta``."""
    try:
        json.dumps(row, ensure_ascii=False).encode()
    except (UnicodeEncodeError, RecursionError):
        message = "holds half of a surrogate pair, which is no character, or nests too deeply."
        raise ManifestError(message, file=file, line=line) from None


def _separated(delimiter: str) -> Callable[[Iterator[str], str], Rows]:
    def read(lines: Iterator[str], file: str) -> Rows:
        """A header, then rows of as many cells."""
        found = _cells(lines, file, delimiter)
        first = next(found, None)
        if first is None:
            raise ManifestError("is empty: it needs a header and at least one row.", file=file)
        header = _header(first[1], file, first[0])
        return _rows(file, _filled_in(header, found, file, "comma" if delimiter == "," else "tab"), header)

    return read


def _filled_in(header: list[str], found: Iterator[tuple[int, list[str]]], file: str, separator: str) -> Iterator[Row]:
    for line, cells in found:
        if len(cells) != len(header):
            raise ManifestError(
                f"this row has {len(cells)} cells, and the header has {len(header)}: quote cells that hold a "
                f"{separator} or a line break.",
                file=file,
                line=line,
            )
        yield line, dict(zip(header, cells, strict=True))


def _cells(lines: Iterator[str], file: str, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Rows that are not blank, with the line each starts on."""
    line, held = 1, 0

    def bounded() -> Iterator[str]:
        """The lines, while those of one row are no more than it may have."""
        nonlocal held
        for each in lines:
            held += len(each)
            if held > LINE:
                message = f"this row has more than {LINE:,} characters, the most that one may have."
                raise ManifestError(message, file=file, line=line)
            yield each

    reader = csv.reader(bounded(), delimiter=delimiter, strict=True)
    try:
        for row in reader:
            if any(cell.strip() for cell in row):
                yield line, row
            line, held = reader.line_num + 1, 0
    except csv.Error as error:
        meaning = next((text for words, text in _CSV.items() if words in str(error)), str(error))
        raise ManifestError(f"this row is wrong: {meaning}.".replace("?.", "?"), file=file, line=line) from None


def _header(cells: list[str], file: str, line: int) -> list[str]:
    header = [cell.strip() for cell in cells]
    twice = next((name for i, name in enumerate(header) if name in header[:i]), None)
    if twice is not None or "" in header:
        problem = "a column has no name" if "" in header else f"the column {twice!r} is there twice"
        raise ManifestError(f"the header is wrong: {problem}.", file=file, line=line)
    return header


#: Suffix -> reader of the lines of such a file.
READERS: Mapping[str, Callable[[Iterator[str], str], Rows]] = {
    ".txt": _read_txt,
    ".csv": _separated(","),
    ".tsv": _separated("\t"),
    ".jsonl": _read_jsonl,
}
