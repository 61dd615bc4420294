import json
from pathlib import Path
from typing import Any

import pytest

from farm.errors import FarmError, ServiceError, UsageError
from farm.settings import Settings, config_file

SECRET = "s3cr3t-value"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory."""
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def home(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home that a local farm has written its settings to."""
    home = folder / "home"
    home.mkdir()
    monkeypatch.setenv("FARM_HOME", str(home))
    (home / "local.toml").write_text(
        'redis_url = "redis://:pw@127.0.0.1:1/0"\ns3_url = "s3://farm"\ns3_endpoint = "http://127.0.0.1:2"\n'
        'aws_access_key_id = "local-key"\naws_secret_access_key = "local-secret"\n'
    )
    return home


def key(settings: Settings) -> str | None:
    """The access key in clear."""
    return None if settings.aws_access_key_id is None else settings.aws_access_key_id.get_secret_value()


def test_home_is_absolute(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The default home lies in the working directory, whatever that becomes later."""
    monkeypatch.delenv("FARM_HOME")
    assert Settings.load().home == folder / ".farm"


def test_arguments_outrank_variables_outrank_the_local_farm_outranks_the_file(
    home: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first source that says something is believed."""
    (folder / "farm.toml").write_text('redis_url = "redis://file"\nlease = 5\nprefix = "file"\n')
    with (home / "local.toml").open("a") as local:
        local.write("lease = 6\n")
    settings = Settings.load()
    assert settings.require_redis_url() == "redis://:pw@127.0.0.1:1/0"
    assert (settings.lease, settings.prefix) == (6, "file")
    monkeypatch.setenv("FARM_LEASE", "7")
    assert Settings.load().lease == 7
    assert Settings.load(lease=8).lease == 8


def test_keys_for_something_else_do_not_reach_the_local_store(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """AWS variables set for another purpose leave a local farm alone."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "other-key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "other-secret")
    assert key(Settings.load(home=home)) == "local-key"


def test_a_store_of_variables_takes_nothing_from_the_local_farm(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bucket named by a variable is not looked for at the local endpoint, nor with its keys."""
    monkeypatch.setenv("FARM_S3_URL", "s3://remote/pre/fix/")
    settings = Settings.load(home=home)
    assert settings.require_s3_url() == ("remote", "pre/fix")
    assert settings.s3_endpoint is None
    assert key(settings) is None
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "remote-key")
    assert key(Settings.load(home=home)) == "remote-key"


def test_the_session_token_and_the_region_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """Temporary credentials need their token; either name of the region will do."""
    monkeypatch.setenv("AWS_SESSION_TOKEN", SECRET)
    monkeypatch.setenv("AWS_REGION", "eu-north-1")
    settings = Settings.load()
    assert settings.aws_session_token is not None
    assert settings.aws_region == "eu-north-1"


def test_another_file_can_be_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """FARM_CONFIG replaces farm.toml."""
    (folder / "farm.toml").write_text("lease = 5\n")
    (folder / "other.toml").write_text("\ufefflease = 9\n")
    monkeypatch.setenv("FARM_CONFIG", "other.toml")
    assert config_file() == Path("other.toml")
    assert Settings.load().lease == 9


def test_the_file_may_name_the_home(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A home in farm.toml is where the local farm's settings are looked for."""
    monkeypatch.delenv("FARM_HOME")
    (folder / "there").mkdir()
    (folder / "there" / "local.toml").write_text('s3_url = "s3://found"\n')
    (folder / "farm.toml").write_text('home = "there"\n')
    settings = Settings.load()
    assert settings.home == folder / "there"
    assert settings.s3_url == "s3://found"


def test_tables_of_others_are_left_to_them(folder: Path) -> None:
    """A table that is no setting, such as step policies or models, is not refused."""
    (folder / "farm.toml").write_text('[models]\n"foreign:1" = "local"\n[prices]\n"NVIDIA L4" = 0.8\n')
    assert Settings.load().prices == {"NVIDIA L4": 0.8}


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"FARM_LEASE": "soon"}, "The variable FARM_LEASE is wrong"),
        ({"FARM_LEASE": "0"}, "FARM_LEASE"),
        ({"FARM_LEASE": "nan"}, "FARM_LEASE"),
        ({"FARM_PRICE_PER_HOUR": "-1"}, "FARM_PRICE_PER_HOUR"),
        ({"FARM_PRICE_PER_HOUR": "inf"}, "FARM_PRICE_PER_HOUR"),
        ({"FARM_REDIS_URL": f"http://:{SECRET}@host"}, "FARM_REDIS_URL is wrong: it must begin with redis://"),
        ({"FARM_REDIS_URL": f"redis://:{SECRET}@host:port"}, "FARM_REDIS_URL is wrong: its port must be a number"),
        ({"FARM_S3_URL": "bucket/prefix"}, "FARM_S3_URL is wrong: it must look like s3://bucket"),
        ({"FARM_S3_ENDPOINT": "localhost:9000"}, "FARM_S3_ENDPOINT is wrong: it must begin with http"),
        ({"FARM_S3_ENDPOINT": f"https://user:{SECRET}@host"}, "FARM_S3_ENDPOINT"),
        ({"FARM_PREFIX": "a b"}, "FARM_PREFIX"),
        ({"FARM_PRICES": "cheap"}, "FARM_PRICES is wrong: it must be JSON"),
        ({"FARM_PRICES": '{"L4": -1}'}, "FARM_PRICES (L4) is wrong"),
        ({"FARM_CONFIG": "gone.toml"}, "FARM_CONFIG names gone.toml"),
    ],
)
def test_a_wrong_variable_is_named(
    variables: dict[str, str], said: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A wrong value is one sentence with the variable's name and without the value, which may be secret."""
    assert folder
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(UsageError) as caught:
        Settings.load()
    assert said in str(caught.value)
    assert SECRET not in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("lease = ", "farm.toml is not valid TOML"),
        ('lease = "soon"', "lease in farm.toml is wrong"),
        ("leese = 3", "farm.toml sets 'leese', which is no setting: did you mean lease?"),
        ("xyzzy = 3", "farm.toml sets 'xyzzy', which is no setting."),
        ("prices = 3", "prices in farm.toml is wrong"),
    ],
)
def test_a_wrong_file_is_named(text: str, said: str, folder: Path) -> None:
    """A wrong line of farm.toml is one sentence with the file's name."""
    (folder / "farm.toml").write_text(text)
    with pytest.raises(UsageError) as caught:
        Settings.load()
    assert said in str(caught.value)


def test_a_file_that_cannot_be_read_is_named(folder: Path) -> None:
    """A folder in the place of farm.toml is said so."""
    (folder / "farm.toml").mkdir()
    with pytest.raises(UsageError, match=r"farm\.toml cannot be read"):
        Settings.load()


def test_no_farm_is_one_sentence_with_both_ways_out() -> None:
    """Without any service configured the user hears how to get some."""
    for ask in (Settings.load().require_redis_url, Settings.load().require_s3_url):
        with pytest.raises(ServiceError, match=r"run `farm up`, or set FARM_REDIS_URL and FARM_S3_URL"):
            ask()


def test_a_missing_store_is_named_alone() -> None:
    """With a Redis and no store only the store is asked for."""
    with pytest.raises(ServiceError, match="No store is configured here: set FARM_S3_URL"):
        Settings.load(redis_url="redis://host").require_s3_url()


def test_secrets_are_never_printed(home: Path) -> None:
    """Neither the text nor the representation of settings holds a password or a key."""
    settings = Settings.load(home=home)
    for text in (str(settings), repr(settings), f"{settings}"):
        assert "pw" not in text
        assert "local-" not in text
        assert "s3://farm" in text


def test_settings_do_not_change() -> None:
    """What a process was told at its start holds until its end."""
    with pytest.raises(ValueError, match="frozen"):
        Settings.load().lease = 3


@pytest.mark.parametrize(
    ("known", "device", "price"),
    [
        ({}, "NVIDIA L4", None),
        ({"price_per_hour": 0.5}, "NVIDIA L4", 0.5),
        ({"price_per_hour": 0.5, "prices": {"NVIDIA L4": 0.8}}, "nvidia l4", 0.8),
        ({"prices": {"NVIDIA L4": 0.0}}, "NVIDIA L4", 0.0),
        ({"prices": {"NVIDIA L4": 0.8}}, "NVIDIA H200", None),
    ],
)
def test_price_of_a_device(known: dict[str, Any], device: str, price: float | None) -> None:
    """A device's own price outranks the general one; a price that nobody set is None and never zero."""
    assert Settings.load(**known).price_for(device) == price


def test_a_workers_own_price_outranks_the_table_of_the_file(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A price given to this very worker by a variable is believed over a table in a file."""
    (folder / "farm.toml").write_text('[prices]\n"NVIDIA L4" = 0.8\n')
    monkeypatch.setenv("FARM_PRICE_PER_HOUR", "0.3")
    assert Settings.load().price_for("NVIDIA L4") == 0.3
    monkeypatch.setenv("FARM_PRICES", json.dumps({"NVIDIA L4": 0.9}))
    assert Settings.load().price_for("NVIDIA L4") == 0.9


def test_the_environment_gives_another_process_the_same_settings(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Settings pass to a child through variables, secrets and prices included."""
    settings = Settings.load(home=home, price_per_hour=2, prices={"GPU": 1.5}, lease=4)
    (home / "local.toml").unlink()
    for name, value in settings.environment().items():
        monkeypatch.setenv(name, value)
    again = Settings.load()
    assert again == settings
    assert again.require_redis_url() == "redis://:pw@127.0.0.1:1/0"
    assert again.price_for("GPU") == 1.5


def test_every_error_of_the_settings_is_the_farms_own(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file of bytes that are no text is a sentence too."""
    (folder / "farm.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(FarmError, match="not valid TOML"):
        Settings.load()
    monkeypatch.setenv("FARM_CONFIG", "/dev/null")
    assert Settings.load().redis_url is None


def test_a_model_travels_unless_the_store_is_on_this_disk(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A local farm's own store shares the disk; a store that a variable names may be anywhere, on this machine too."""
    assert not Settings.load(home=home).uploads_models
    monkeypatch.setenv("FARM_UPLOAD_MODELS", "1")
    assert Settings.load(home=home).uploads_models
    monkeypatch.delenv("FARM_UPLOAD_MODELS")
    monkeypatch.setenv("FARM_S3_URL", "s3://farm")
    monkeypatch.setenv("FARM_S3_ENDPOINT", "http://127.0.0.1:9000")
    assert Settings.load(home=home).uploads_models
    monkeypatch.setenv("FARM_UPLOAD_MODELS", "0")
    assert not Settings.load(home=home).uploads_models


def test_the_model_cache_lies_below_the_users(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Unless a variable names another place."""
    assert Settings.load().model_cache == tmp_path / "models"
    monkeypatch.delenv("FARM_MODEL_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert (Settings.load().model_cache, Settings.load().model_cache_gb) == (tmp_path / "stepfarm" / "models", 100)
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path / "me"))
    assert Settings.load().model_cache == tmp_path / "me" / ".cache" / "stepfarm" / "models"


@pytest.mark.parametrize("value", ["0", "-1", "much", "inf"])
def test_a_budget_is_a_number_above_nothing(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    """A wrong one is named."""
    monkeypatch.setenv("FARM_MODEL_CACHE_GB", value)
    with pytest.raises(UsageError, match="FARM_MODEL_CACHE_GB is wrong"):
        Settings.load()


def test_models_of_other_services_travel_to_other_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    """As the prices do, in one variable."""
    models = {"civitai:101055@128078": "org/thing"}
    environment = Settings.load(models=models).environment()
    assert "FARM_MODELS" not in Settings.load().environment()
    monkeypatch.setenv("FARM_MODELS", environment["FARM_MODELS"])
    assert Settings.load().models == models
