import json
from pathlib import Path

from tests.bench.table import Row, show, write

ROWS = [
    Row("images/s", "0.950", "make bench", goal=">= 0.93", met=True, note="96 images", values={"low": 0.94}),
    Row("a longer name", "5", "python -m tests.bench traffic"),
    Row("too slow", "9 s", "make bench", goal="<= 8 s", met=False),
]


def test_the_table_is_read_by_people() -> None:
    """Columns are aligned, goals say whether they are met, notes come last."""
    heads, rule, first, second, third, blank, note = show(ROWS).split("\n")
    assert heads.split() == ["measurement", "figure", "goal", "command"]
    assert set(rule) == {"-", " "}
    assert first.split("  ")[0] == "images/s"
    assert ">= 0.93 yes" in first
    assert "<= 8 s NO" in third
    assert first.index("make") == second.index("python") == third.index("make")
    assert (blank, note) == ("", "images/s: 96 images")


def test_the_table_is_read_by_programs(tmp_path: Path) -> None:
    """Every number of a row is in the file."""
    write(ROWS, tmp_path / "bench.json", machine="2 processors")
    found = json.loads((tmp_path / "bench.json").read_text())
    first, second, _ = found["rows"]
    assert found["machine"] == "2 processors"
    assert (first["met"], first["values"]) == (True, {"low": 0.94})
    assert (second["met"], second["command"]) == (None, "python -m tests.bench traffic")
