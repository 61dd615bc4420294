"""No test sees the settings of whoever runs it, nor asks the Hub."""

import os
import signal
from pathlib import Path

import pytest

#: Where the machine keeps its certificates is no setting of the farm.
_KEPT = {"AWS_CA_BUNDLE"}


@pytest.fixture(scope="session", autouse=True)
def _hear_ctrl_c() -> None:
    """A shell starts background jobs deaf to Ctrl-C, and every process they start would be too."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def _own_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An environment without a farm in it, and a home that is the test's own."""
    for name in os.environ:
        if name.startswith(("FARM_", "AWS_", "HF_")) and name not in _KEPT:
            monkeypatch.delenv(name)
    monkeypatch.setenv("FARM_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hub"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("FARM_MODEL_CACHE", str(tmp_path / "models"))
