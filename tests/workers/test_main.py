import subprocess
import sys

import pytest

from farm.errors import ServiceError
from workers import __main__ as module


def test_an_error_is_one_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    """No farm is configured: exit code 3 and what to do, no traceback."""
    assert module.main() == 3
    shown = capsys.readouterr().err
    assert "farm up" in shown
    assert "Traceback" not in shown


def test_a_wrong_setting_is_named(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Before anything is started."""
    monkeypatch.setenv("FARM_LEASE", "soon")
    assert module.main() == 2
    assert "FARM_LEASE" in capsys.readouterr().err


def test_the_exit_code_is_the_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    """What Celery's worker ended with."""
    from workers import app

    monkeypatch.setattr(app, "run", lambda _settings: 7)
    assert module.main() == 7


def test_the_package_is_a_program() -> None:
    """`python -m workers` is what `farm worker` becomes."""
    shown = subprocess.run([sys.executable, "-m", "workers"], capture_output=True, text=True, check=False)
    assert shown.returncode == ServiceError.exit_code
    assert shown.stderr.count("\n") == 1
