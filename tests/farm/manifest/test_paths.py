"""Files beside the manifest, or where the user stands."""

from pathlib import Path

import pytest

from farm.manifest.paths import find


def test_beside_the_manifest_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Then in the working directory, then nowhere."""
    base, here = tmp_path / "base", tmp_path / "here"
    for folder in (base, here):
        folder.mkdir()
        (folder / "both.txt").touch()
    (here / "here.txt").touch()
    monkeypatch.chdir(here)
    assert find("both.txt", base) == base / "both.txt"
    assert find("here.txt", base) == Path("here.txt")
    assert find("none.txt", base) is None
    assert find(str(here / "here.txt"), base) == here / "here.txt"


@pytest.mark.parametrize("name", ["x" * 5000, "a\0b", "~nobody-of-this-name/x"], ids=["long", "null", "nobody"])
def test_a_name_that_can_be_none(tmp_path: Path, name: str) -> None:
    """Nothing is there, and nothing is raised."""
    assert find(name, tmp_path) is None
