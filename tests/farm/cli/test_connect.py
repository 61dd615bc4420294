import pytest

from farm.cli.connect import connect, read_settings
from farm.errors import ServiceError, UsageError


def test_settings_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Read when a command runs, not when the module is imported."""
    monkeypatch.setenv("FARM_PRICE_PER_HOUR", "1.25")
    assert read_settings().price_per_hour == 1.25


def test_a_wrong_setting_is_a_usage_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """It names the variable."""
    monkeypatch.setenv("FARM_LEASE", "soon")
    with pytest.raises(UsageError, match="FARM_LEASE"):
        read_settings()


def test_connecting_to_no_farm_fails_at_the_first_question() -> None:
    """And says how to get one."""
    with connect() as farm, pytest.raises(ServiceError, match="farm up"):
        farm.jobs()
