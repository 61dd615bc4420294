"""JSON that is wrong is told in words that say what to change."""

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from farm.errors import ManifestError
from farm.manifest.json_text import JsonReader, LongNumber

_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab", max_size=2), inner, max_size=3),
    max_leaves=8,
)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"a": 1,}', "a comma stands before this }: remove it (column 9)"),
        ("[1, 2, ]", "a comma stands before this ]: remove it (column 8)"),
        ("{'a': 1}", "single quotes are no JSON: use double quotes (column 2)"),
        ('{"a": True}', "write true in small letters"),
        ('{"a": False}', "write false in small letters"),
        ('{"a": None}', "write null, not None"),
        ("{a: 1}", "a key in double quotes belongs here"),
        ('{"a": mug}', "a value belongs here: text in double quotes, a number"),
        ('{"a": 1 "b": 2}', "a comma or a closing bracket is missing before this (column 9)"),
        ('{"a" 1}', "a colon belongs after the key"),
        ('{"a": [1', "it ends too early: a bracket is not closed"),
        ("", "it ends too early"),
        ('{"a": "mug', "the text that begins here has no closing double quote (column 7)"),
        ('{"a": "m\nug"}', "a line break or control character stands inside a text: write \\n"),
        ('{"a": "C:\\dir"}', "a single backslash stands inside a text: write it twice"),
        ('{"a": "\\u12"}', "four hexadecimal digits belong after \\u"),
        ('{"a": 1} {"b": 2}', "something follows the end of the value: remove it (column 10)"),
        ('{"a": 1} // mugs', "JSON has no comments"),
        ('# mugs\n{"a": 1}', "JSON has no comments"),
    ],
)
def test_what_is_wrong_is_said_in_words(text: str, said: str) -> None:
    """None of them are its parser's, and the column is where to look."""
    with pytest.raises(ManifestError, match=re.escape(said)) as caught:
        JsonReader("job.json").read(text, line=3)
    assert caught.value.message.startswith("this is no JSON: ")
    assert "Expecting" not in caught.value.message


def test_the_line_counts_from_where_the_text_starts() -> None:
    """A document of several lines, in a file that has others before it."""
    with pytest.raises(ManifestError) as caught:
        JsonReader("job.json").read('{\n"a": 1,\n}', line=10)
    assert (caught.value.file, caught.value.line) == ("job.json", 12)


@pytest.mark.parametrize(("text", "said"), [("[NaN]", "NaN is no JSON value"), ('{"a":1,"a":2}', "'a' is there twice")])
def test_what_python_would_read_is_refused(text: str, said: str) -> None:
    """JSON has no NaN, and a key that is there twice means that one value is lost."""
    with pytest.raises(ManifestError, match=said):
        JsonReader(None).read(text)


def test_absurd_numbers_stay_text() -> None:
    """Their field refuses them by name."""
    (found,) = JsonReader(None).read(f"[{'9' * 41}]")
    assert isinstance(found, LongNumber)


@given(_VALUES)
def test_what_json_writes_is_read_back(value: Any) -> None:
    """A reader may be used for many texts of a file."""
    reader = JsonReader("a.jsonl")
    assert [reader.read(json.dumps(value), line=line) for line in (1, 2)] == [_read(value)] * 2


def _read(value: Any) -> Any:
    """A value with its absurd numbers as text."""
    return json.loads(json.dumps(value), parse_int=lambda digits: int(digits) if len(digits) <= 40 else digits)


@given(st.lists(_VALUES, min_size=1, max_size=5), st.sampled_from([None, 1]))
def test_the_items_of_a_list_one_by_one(values: list[Any], indent: int | None) -> None:
    """The same as all at once, each with the line it begins on."""
    text = "\n \n" + json.dumps(values, indent=indent) + "\n"
    items = list(JsonReader("a.json").items(text))
    assert [value for _, value in items] == values
    lines = [line for line, _ in items]
    assert lines == sorted(lines)
    assert lines[0] == (3 if indent is None else 4)


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("[1,\n2", 2, "it ends too early: a bracket is not closed"),
        ("[1,\n]", 2, "a comma stands before this ]: remove it"),
        ("[1\n2]", 2, "a comma or a closing bracket is missing before this"),
        ("[1]\n\n3", 3, "something follows the end of the value"),
        ("[1,\n{'a': 1}]", 2, "single quotes are no JSON"),
        ('[1,\n\n{"a": 1, "a": 2}]', 3, "the key 'a' is there twice"),
        ("[1, NaN]", 1, "NaN is no JSON value"),
        ("[", 1, "it ends too early"),
    ],
)
def test_a_list_that_is_wrong_somewhere(text: str, line: int, said: str) -> None:
    """The line is the file's, and what came before it was read."""
    with pytest.raises(ManifestError, match=re.escape(said)) as caught:
        list(JsonReader("a.json").items(text))
    assert caught.value.line == line
    assert not list(JsonReader("a.json").items(" [ ] "))
