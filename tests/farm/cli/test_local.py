from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.farm.cli.conftest import Run


def test_up_starts_what_was_asked_for(run: "Run", monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Workers and detachment are passed on, and the home is the configured one."""
    started: list[Any] = []
    monkeypatch.setattr(
        "farm.local.supervisor.up", lambda settings, **options: started.append((settings.home, options))
    )
    assert run("up", "--workers", "3", "--detach").code == 0
    assert started == [((tmp_path / "home").resolve(), {"workers": 3, "detach": True})]


def test_fewer_than_no_workers_are_refused(run: "Run") -> None:
    """Before anything is started, in a sentence."""
    said = run("up", "--workers", "-1")
    assert said.code == 2
    assert said.err == "farm: --workers is -1: give how many worker processes to start, 0 or more.\n"


def test_down_without_a_farm_says_so(run: "Run") -> None:
    """Nothing to stop is no error."""
    said = run("down")
    assert (said.code, "No farm was up" in said.out) == (0, True)


def test_a_wrong_setting_is_named(run: "Run", monkeypatch: pytest.MonkeyPatch) -> None:
    """Every command reads the settings the same way."""
    monkeypatch.setenv("FARM_PRICE_PER_HOUR", "cheap")
    for command in (["up"], ["down"], ["list"], ["status", "x"], ["doctor"]):
        said = run(*command)
        assert said.code == 2
        assert "FARM_PRICE_PER_HOUR" in said.err
        assert "Traceback" not in said.err
