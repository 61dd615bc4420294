from pathlib import Path

import pytest

from farm.doctor.origins import origins
from farm.local.home import Home
from farm.settings import Settings

LOCAL = {
    "redis_url": "redis://:pw@127.0.0.1:1/0",
    "s3_url": "s3://farm",
    "s3_endpoint": "http://127.0.0.1:2",
    "aws_access_key_id": "local-key",
}


@pytest.fixture
def local() -> Path:
    """The file of a local farm that is up."""
    home = Home(Settings.load().home)
    home.write_settings(LOCAL)
    return home.settings_file


def test_nothing_is_set() -> None:
    """A machine of which nobody said where its farm is."""
    check = origins(Settings.load())
    assert (check.ok, check.detail) == (True, "Redis and the store are not set")


def test_each_group_says_where_it_is_from(local: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The local farm, a variable, the user's own file: first wins, and its place is named."""
    assert origins(Settings.load()).detail == f"redis from {local}, store from {local}"
    monkeypatch.setenv("FARM_REDIS_URL", "redis://box:1")
    assert origins(Settings.load()).detail == f"redis from FARM_REDIS_URL, store from {local}"
    local.unlink()
    config = tmp_path / "mine.toml"
    config.write_text('s3_url = "s3://renders"')
    monkeypatch.setenv("FARM_CONFIG", str(config))
    assert origins(Settings.load()).detail == f"redis from FARM_REDIS_URL, store from {config}"


def test_half_a_store_in_the_environment_is_red(local: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever set an endpoint meant another store than the local one that is used."""
    monkeypatch.setenv("FARM_S3_ENDPOINT", "https://s3.example")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "theirs")
    check = origins(Settings.load())
    assert not check.ok
    assert check.detail == (
        f"redis from {local}, store from {local}; FARM_S3_ENDPOINT, AWS_ACCESS_KEY_ID in the environment are not used"
    )
    assert check.advice.startswith("Set FARM_S3_URL too, for a store elsewhere, or unset them")


def test_the_usual_aws_variables_are_only_noted(local: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They may be there for other programs; a child of the local farm has the farm's own."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "theirs")
    check = origins(Settings.load())
    assert check.ok
    assert check.detail.endswith("; AWS_ACCESS_KEY_ID in the environment is not used")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "local-key")
    assert origins(Settings.load()).detail == f"redis from {local}, store from {local}"
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "theirs")
    monkeypatch.setenv("FARM_S3_URL", "s3://renders")
    assert origins(Settings.load()).detail == f"redis from {local}, store from FARM_S3_URL"
