"""YAML 1.2 and JSON -> plain values and lines; whatever is wrong is one sentence with its line."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from farm.errors import ManifestError
from farm.manifest.document import read_json, read_yaml
from farm.manifest.json_text import JsonReader, LongNumber

_PIECES = [
    "{",
    "}",
    "[",
    "]",
    ":",
    "- ",
    "\n",
    "  ",
    "a",
    "&x ",
    "*x",
    "!!int ",
    '"',
    "'",
    "|",
    ">",
    "#",
    "?",
    "---\n",
    "%",
]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("22:00", "22:00"),
        ("yes", "yes"),
        ("no", "no"),
        ("on", "on"),
        ("true", True),
        ("1-8", "1-8"),
        ("1,3", "1,3"),
        ("1-100:10", "1-100:10"),
        ("012", 12),
        ("0o14", 12),
        ("0x1F", 31),
        ("1e3", 1000.0),
        ("7.5", 7.5),
        ("~", None),
        ("", None),
        ("2024-01-01", "2024-01-01"),
        ("2024-01-01T10:00:00Z", "2024-01-01T10:00:00Z"),
        ("1024x1024", "1024x1024"),
        ("[1, a, {b: 2}]", [1, "a", {"b": 2}]),
        ("a: &x [1]\nb: *x", {"a": [1], "b": [1]}),
        ("1: a", {"1": "a"}),
        ('"\\u00e9"', "é"),
    ],
)
def test_yaml_is_read_as_version_1_2(text: str, value: Any) -> None:
    """Times are strings, yes is a word, and a range is not a sexagesimal number."""
    assert read_yaml(text, None)[0] == value


def test_every_value_has_its_line() -> None:
    """Of a key its own, of a list's item the item's."""
    text = "name: x\n\nrender:\n  prompt:\n    - a\n    - b\n  seed: 1\n"
    assert read_yaml(text, None)[1] == {
        "": 1,
        "name": 1,
        "render": 3,
        "render.prompt": 4,
        "render.prompt.0": 5,
        "render.prompt.1": 6,
        "render.seed": 7,
    }


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("a: 1\nb: [1, 2\n", 3, "no YAML"),
        ("a: 1\n\tb: 2\n", 2, "no YAML"),
        ("a: 1\na: 2\n", 2, "'a' is there twice"),
        ("a: *x\n", 1, "undefined alias"),
        ("a: 1\n---\nb: 2\n", 2, "no YAML"),
        ("a: !!python/object:os.system x\n", 1, "tag 'python/object:os.system' is not supported"),
        ("a: !secret x\n", 1, "tag '!secret' is not supported"),
        ("a: !!binary aGk=\n", 1, "not supported"),
        ('a: "\\q"\n', 1, "no YAML"),
        ("a: 'x\n", 2, "no YAML"),
        ("&a [*a]", 1, "nested too deeply"),
        ("a\x00b", None, "no YAML"),
    ],
)
def test_yaml_that_is_wrong(text: str, line: int | None, said: str) -> None:
    """The sentence has the line; no tag runs anything."""
    with pytest.raises(ManifestError) as caught:
        read_yaml(text, "job.yaml")
    assert caught.value.line == line
    assert said in caught.value.message
    assert "\n" not in caught.value.message


def test_nesting_has_a_bound() -> None:
    """Ten thousand brackets end in a sentence, not in a crash."""
    with pytest.raises(ManifestError, match="nested too deeply"):
        read_yaml("[" * 10_000, None)
    with pytest.raises(ManifestError, match="nested too deeply"):
        read_yaml("[" * 100 + "]" * 100, None)
    with pytest.raises(ManifestError, match=r"nested too deeply|no JSON"):
        JsonReader(None).read("[" * 100_000)


def test_aliases_that_multiply_have_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    """A billion laughs are cut short."""
    monkeypatch.setattr("farm.manifest.document.MANIFEST_VALUES", 10_000)
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 9)]
    with pytest.raises(ManifestError, match="more than 10,000 values"):
        read_yaml("\n".join(lines), None)


def test_absurd_numbers_stay_text() -> None:
    """A number of ten thousand digits is handed on as what it is, for its field to refuse."""
    for value in (read_yaml("9" * 10_000, None)[0], read_json("9" * 10_000, None)[0]):
        assert isinstance(value, LongNumber)
        assert repr(value) == "a number of 10000 digits"


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from(_PIECES) | st.text(max_size=3), max_size=25).map("".join))
def test_no_yaml_escapes_as_another_error(text: str) -> None:
    """Whatever the text, the answer is a value or a sentence."""
    try:
        value, lines = read_yaml(text, "job.yaml")
    except ManifestError as error:
        assert "\n" not in error.message  # noqa: PT017 either way is fine
    else:
        assert value is None or lines[""] >= 1


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ('{"a": 1,\n "b": }', 2, "no JSON"),
        ('{"a": NaN}', 1, "NaN is no JSON value"),
        ('{"a": 1, "a": 2}', 1, "'a' is there twice"),
        ("", 1, "no JSON"),
        ("{'a': 1}", 1, "no JSON"),
    ],
)
def test_json_that_is_wrong(text: str, line: int, said: str) -> None:
    """With its line and column."""
    with pytest.raises(ManifestError) as caught:
        read_json(text, "job.json")
    assert (caught.value.line, said in caught.value.message) == (line, True)


def test_json_has_lines_too() -> None:
    """Where YAML reads it the same."""
    assert read_json('{"render": {\n  "steps": 20\n}}', None) == (
        {"render": {"steps": 20}},
        {"": 1, "render": 1, "render.steps": 2},
    )


def test_json_that_yaml_cannot_read_has_no_lines() -> None:
    """Tabs are JSON and not YAML; the value counts."""
    assert read_json('{\n\t"a": [\n\t1]}', None)[0] == {"a": [1]}


def test_a_row_of_json_counts_from_its_line() -> None:
    """A file of one document per line passes the line in."""
    with pytest.raises(ManifestError) as caught:
        JsonReader("tasks.jsonl").read("{", line=7)
    assert caught.value.line == 7


_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**20), 10**20)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abc", max_size=2), inner, max_size=3),
    max_leaves=10,
)


@settings(max_examples=150, deadline=None)
@given(_JSON)
def test_yaml_reads_json(value: Any) -> None:
    """A JSON manifest under a YAML name means the same."""
    text = json.dumps(value, ensure_ascii=False)
    assert read_yaml(text, None)[0] == value
    assert read_json(text, None)[0] == value
