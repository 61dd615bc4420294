"""JSON text -> plain values; what is wrong with it in words that say what to change."""

import json
import re
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from farm.errors import ManifestError

#: Longest number that is read as one; longer ones stay `LongNumber`, which no field accepts.
DIGITS = 40
#: Characters that are looked at before an error.
_BEFORE = 1_000
#: What Python calls an error -> what it means; the character at the place is looked at first.
_MEANING = {
    "Extra data": "something follows the end of the value: remove it",
    "Unterminated string starting at": "the text that begins here has no closing double quote",
    "Invalid control character at": "a line break or control character stands inside a text: write \\n",
    "Invalid \\escape": "a single backslash stands inside a text: write it twice",
    "Invalid \\uXXXX escape": "four hexadecimal digits belong after \\u",
    "Expecting ':' delimiter": "a colon belongs after the key",
    "Expecting ',' delimiter": "a comma or a closing bracket is missing before this",
    "Expecting property name enclosed in double quotes": "a key in double quotes belongs here",
    "Expecting value": "a value belongs here: text in double quotes, a number, true, false, null, [ or {",
}
_SPACE = re.compile(r"[ \t\n\r]*")
_WORDS = {"T": "write true in small letters", "F": "write false in small letters", "N": "write null, not None"}


class LongNumber(str):
    """A whole number of absurd length, kept as text so that its field can refuse it by name."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"a number of {len(self)} digits"


class JsonReader:
    """Reads the JSON documents of one file.

    Args:
        file: the file as the user named it.
    """

    def __init__(self, file: str | None) -> None:
        self._file, self._line = file, 1
        self._decoder = json.JSONDecoder(
            parse_int=_integer, parse_constant=self._constant, object_pairs_hook=self._pairs
        )

    def read(self, text: str, *, line: int = 1) -> Any:
        """The value of a text that starts at a line of the file.

        Raises:
            ManifestError: it is no JSON; with the line and what to change.
        """
        self._line = line
        return self._translated(lambda: self._decoder.decode(text), line)

    def items(self, text: str) -> Iterator[tuple[int, Any]]:
        """The items of a text that is a list, read one by one, and the line on which each begins.

        Raises:
            ManifestError: it is no JSON; with the line and what to change.
        """
        at = _skip(text, _skip(text, 0) + 1)
        if text[at : at + 1] == "]":
            return
        self._line, counted = 1, 0
        while at:
            self._line, counted = self._line + text.count("\n", counted, at), at
            value, behind = self._translated(partial(self._decoder.raw_decode, text, at))
            yield self._line, value
            at = self._translated(partial(_next_item, text, _skip(text, behind)))

    def _translated(self, read: Callable[[], Any], line: int = 1) -> Any:
        """What reading gives; an error in words of ours, its line counted from that of the text."""
        try:
            return read()
        except json.JSONDecodeError as error:
            at, message = line + error.lineno - 1, f"this is no JSON: {_meaning(error)} (column {error.colno})."
            raise ManifestError(message, file=self._file, line=at) from None
        except RecursionError:
            raise self._error("this JSON is nested too deeply.") from None

    def _error(self, message: str) -> ManifestError:
        return ManifestError(message, file=self._file, line=self._line)

    def _constant(self, name: str) -> float:
        """Python's own additions to JSON."""
        raise self._error(f"{name} is no JSON value.")

    def _pairs(self, items: list[tuple[str, Any]]) -> dict[str, Any]:
        """A mapping without a key that is there twice."""
        values = dict(items)
        if len(values) < len(items):
            twice = next(key for i, (key, _) in enumerate(items) if key in dict(items[:i]))
            raise self._error(f"the key {twice[:60]!r} is there twice.")
        return values


def _skip(text: str, at: int) -> int:
    """The first place from here on that is no space."""
    found = _SPACE.match(text, at)
    return found.end() if found else at


def _next_item(text: str, at: int) -> int:
    """Where the next item of a list begins, from the comma before it; 0 behind the last one."""
    if text[at : at + 1] == ",":
        return _skip(text, at + 1)
    if text[at : at + 1] != "]":
        raise json.JSONDecodeError("Expecting ',' delimiter", text, at)
    if _skip(text, at + 1) < len(text):
        raise json.JSONDecodeError("Extra data", text, _skip(text, at + 1))
    return 0


def _integer(digits: str) -> int | str:
    """A number, unless it is absurd."""
    return int(digits) if len(digits) <= DIGITS else LongNumber(digits)


def _meaning(error: json.JSONDecodeError) -> str:
    """What is wrong, in words of JSON and not of its parser."""
    here = error.doc[error.pos : error.pos + 1]
    before = error.doc[max(0, error.pos - _BEFORE) : error.pos].rstrip()[-1:]
    if not here and error.msg.startswith("Expecting"):
        return "it ends too early: a bracket is not closed"
    if here in {"]", "}"} and before == ",":
        return f"a comma stands before this {here}: remove it"
    if here == "'":
        return "single quotes are no JSON: use double quotes"
    if here in {"/", "#"}:
        return "JSON has no comments"
    if here in _WORDS and error.msg == "Expecting value":
        return _WORDS[here]
    return _MEANING.get(error.msg, error.msg)
