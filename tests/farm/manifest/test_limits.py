"""What is too large is refused by a cap that the sentence states, before it fills the memory."""

import re
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from farm.errors import ManifestError
from farm.manifest import axes, formats, limits
from farm.manifest.model import Manifest, load

Write = Callable[[str, str | bytes], Path]
_BOMB = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "\n".join(
    f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 9)
)
_HEAD = "render:\n  model: org/thing\n  prompt: "


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("a.txt", "ok\n" + "x" * 20_000_000, "a.txt:2: this line has more than 1,000,000 characters"),
        ("a.jsonl", '{"prompt": "' + "x" * 20_000_000, "a.jsonl:1: this line has more than 1,000,000 characters"),
        (
            "a.csv",
            'prompt\n"' + "x\n" * 3_000_000,
            "a.csv:2: this row is wrong: a cell has more than 131,072 characters",
        ),
        ("a.csv", "prompt\n" + '"x\n",' * 300_000, "a.csv:2: this row has more than 1,000,000 characters"),
        ("a.txt", "x" * 100_001, "a.txt:1: prompt: has 100,001 characters, and 100,000 are the most of one text"),
        ("a.yaml", _HEAD + "x" * 100_001, "a.yaml:3: render.prompt: has 100,001 characters, and 100,000"),
        ("a.yaml", "# mugs\n" * 1_000_000, "a.yaml: has 7 MB, and 4 MB are the most that are read: put the prompts"),
        ("a.json", '{"name": "' + "x" * 5_000_000, "a.json: has 5 MB, and 4 MB are the most that are read"),
        ("a.json", "[" * 3_000_000, "a.json:1: this JSON is nested too deeply"),
        ("a.yaml", "a: " + "[" * 1_000_000, "a.yaml:1: is nested too deeply: 40 levels are the most of a manifest"),
        ("a.yaml", _BOMB, "holds more than 100,000 values, the most of a manifest: put long lists into a file"),
    ],
)
def test_what_is_too_large_is_refused(write: Write, name: str, text: str, said: str) -> None:
    """In one sentence, in seconds, and in a fraction of the memory that the file would take as values."""
    path = write(name, text)
    del text
    started = time.process_time()
    tracemalloc.start()
    with pytest.raises(ManifestError, match=re.escape(said)) as caught:
        load(path, overrides=[] if name.endswith(("yaml", "json")) else ["render.model=org/thing"])
    used = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(str(caught.value)) < 300
    assert used < 40_000_000
    assert time.process_time() - started < 20


def test_a_table_of_too_many_bytes_is_not_opened(tmp_path: Path) -> None:
    """Its size is enough."""
    path = tmp_path / "a.jsonl"
    with path.open("wb") as stream:
        stream.truncate(limits.TABLE_BYTES + 1)
    with pytest.raises(
        ManifestError, match="has 1,000 MB, and 1,000 MB are the most that are read: submit it as several"
    ):
        load(path)


def test_a_table_of_too_many_rows_is_refused(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the first line that is too much; one row less is fine."""
    monkeypatch.setattr(formats, "TABLE_ROWS", 3)
    with pytest.raises(
        ManifestError, match=r"a\.txt:5: has more than 3 rows, the most of one job: submit it as several"
    ):
        load(write("a.txt", "a\n\nb\nc\nd\ne\n"), overrides=["render.model=org/thing"])
    assert len(load(write("b.txt", "a\nb\nc\n"), overrides=["render.model=org/thing"]).render.factors[0]) == 3


def test_a_manifest_of_too_many_values_stops_where_it_has_them(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its rest is not even parsed."""
    monkeypatch.setattr("farm.manifest.document.MANIFEST_VALUES", 100)
    text = _HEAD + "\n" + "    - a mug\n" * 10_000 + "}"
    with pytest.raises(ManifestError, match=r"a\.yaml:\d{3}: holds more than 100 values"):
        load(write("a.yaml", text))


def test_what_every_row_would_carry_has_a_bound(
    write: Write, monkeypatch: pytest.MonkeyPatch, render_of: Callable[..., Manifest]
) -> None:
    """A manifest's own meta is merged into each row's."""
    monkeypatch.setattr(axes, "TABLE_BYTES", 100)
    path = write("a.csv", "prompt,tag\n" + "a,x\n" * 10)
    fields: dict[str, Any] = {"prompt": {"file": str(path)}}
    assert render_of(**fields, meta={"a": 1})
    with pytest.raises(ManifestError, match=r"render\.meta: is too large to be carried by 10 rows: 0 MB are the most"):
        render_of(**fields, meta={"a": "many words"})
