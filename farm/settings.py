"""Settings: environment variables, the local farm's file, then the user's ``farm.toml``. Read once at entry.

First wins: arguments, ``FARM_*`` and ``AWS_*`` variables, ``FARM_HOME/local.toml`` (written by ``farm up``), then
``farm.toml`` in the working directory or the file that ``FARM_CONFIG`` names. Two groups travel together, so that half
of one place is never mixed with half of another: the store (address, endpoint, keys), and the price of a worker.
"""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, AliasChoices, Field, SecretStr, ValidationError
from pydantic_settings import (
    BaseSettings,
    InitSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
)

from farm.errors import ServiceError, UsageError

#: Field -> the variable that sets it, where it is not ``FARM_`` and the field's name.
_AWS = {
    "aws_access_key_id": "AWS_ACCESS_KEY_ID",
    "aws_secret_access_key": "AWS_SECRET_ACCESS_KEY",
    "aws_session_token": "AWS_SESSION_TOKEN",
    "aws_region": "AWS_DEFAULT_REGION",
}
#: What says where the store is and who asks: from one place or from none.
STORE = ("s3_url", "s3_endpoint", "s3_folder", *_AWS)


def _redis_url(value: SecretStr) -> SecretStr:
    if not value.get_secret_value().startswith(("redis://", "rediss://", "unix://")):
        raise ValueError("it must begin with redis://, rediss:// or unix://")
    try:
        _ = urlsplit(value.get_secret_value()).port
    except ValueError:
        raise ValueError("its port must be a number, as in redis://:PASSWORD@HOST:6379/0") from None
    return value


def _s3_url(value: str) -> str:
    if not re.fullmatch(r"s3://[A-Za-z0-9][A-Za-z0-9._-]+(/.*)?", value):
        raise ValueError("it must look like s3://bucket or s3://bucket/prefix, the bucket of 2 letters or more")
    return value.rstrip("/")


def _endpoint(value: str) -> str:
    if not re.fullmatch(r"https?://[^/\s@]+(/\S*)?", value):
        raise ValueError("it must begin with http:// or https:// and name a host")
    return value.rstrip("/")


def _prefix(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9._-]+", value):
        raise ValueError("letters, digits, dots, dashes and underscores only")
    return value


def _user_cache() -> Path:
    """Where this user's programs keep what they can fetch again; a user without a home has the machine's place."""
    usual = Path(os.environ.get("XDG_CACHE_HOME") or Path("~/.cache"))
    try:
        return usual.expanduser()
    except RuntimeError:
        import tempfile

        return Path(tempfile.gettempdir())


#: Currency units per hour.
Price = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class Settings(BaseSettings):
    """Everything a process of the farm is told from outside; frozen."""

    model_config = SettingsConfigDict(
        env_prefix="FARM_",
        env_ignore_empty=True,
        frozen=True,
        extra="ignore",
        populate_by_name=True,
        hide_input_in_errors=True,
    )

    #: Folder of everything local; absolute.
    home: Annotated[Path, AfterValidator(lambda path: path.expanduser().resolve())] = Field(
        default=Path(".farm"), validate_default=True
    )
    redis_url: Annotated[SecretStr, AfterValidator(_redis_url)] | None = None
    #: ``s3://bucket/prefix``.
    s3_url: Annotated[str, AfterValidator(_s3_url)] | None = None
    #: None is AWS itself.
    s3_endpoint: Annotated[str, AfterValidator(_endpoint)] | None = None
    #: Where the objects of a store on this machine lie: a full disk is then told from other trouble.
    s3_folder: Path | None = None
    #: None leaves the keys to the usual AWS places: a profile, or the machine's role.
    aws_access_key_id: SecretStr | None = Field(default=None, validation_alias=_AWS["aws_access_key_id"])
    aws_secret_access_key: SecretStr | None = Field(default=None, validation_alias=_AWS["aws_secret_access_key"])
    aws_session_token: SecretStr | None = Field(default=None, validation_alias=_AWS["aws_session_token"])
    aws_region: str = Field(default="us-east-1", validation_alias=AliasChoices(_AWS["aws_region"], "AWS_REGION"))
    #: Prefix of every Redis key of this farm: two farms can share a server.
    prefix: Annotated[str, AfterValidator(_prefix)] = "farm"
    #: Seconds. Three renewals may be missed before a range is given to another worker.
    lease: float = Field(default=30.0, gt=0, allow_inf_nan=False)
    #: Whether a model's folder is uploaded when a job of it is submitted; None: unless the farm is on this machine.
    upload_models: bool | None = None
    #: Folder of the models that a worker fetched from the store; shared by the workers of a machine.
    model_cache: Annotated[Path, AfterValidator(lambda path: path.expanduser().resolve())] = Field(
        default_factory=lambda: _user_cache() / "stepfarm" / "models", validate_default=True
    )
    #: Gigabytes that they may have.
    model_cache_gb: float = Field(default=100.0, gt=0, allow_inf_nan=False)
    #: Currency units per hour of the worker this process is, or of every worker without a price of its own.
    price_per_hour: Price | None = None
    #: Device name -> price per hour.
    prices: dict[str, Price] = Field(default_factory=dict)
    #: Model id in requests of other services -> the model of ours to take for it.
    models: dict[str, str] = Field(default_factory=dict)

    @classmethod
    def load(cls, **known: Any) -> Self:
        """Read the settings once; raises `UsageError` with one sentence that names the variable or the file.

        Args:
            known: fields that outrank every source.
        """
        try:
            return cls(**known)
        except ValidationError as error:
            first = error.errors()[0]
            field = str(first["loc"][0]).lower()
            what = first["msg"].removeprefix("Value error, ").replace("Input should", "it should")
            place = ".".join(str(part) for part in first["loc"][1:])
            raise UsageError(f"{_where(field)}{f' ({place})' if place else ''} is wrong: {what}.") from None
        except SettingsError as error:
            raise UsageError(f"{variable(_quoted(error))} is wrong: it must be JSON.") from None

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 the farm reads no .env file
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 nor a folder of secrets
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments, the local store when nothing outranks it, variables, the local farm, ``farm.toml``."""
        known = init_settings() if isinstance(init_settings, InitSettingsSource) else {}
        config = read_toml(config_file())
        unknown(config, set(cls.model_fields))
        home = known.get("home") or os.environ.get("FARM_HOME") or config.get("home") or ".farm"
        local = read_toml(Path(home).expanduser() / "local.toml")
        store = {name: local.pop(name) for name in STORE if name in local}
        if "s3_url" in known or os.environ.get("FARM_S3_URL"):
            store = {}
        if os.environ.get("FARM_PRICE_PER_HOUR") and not os.environ.get("FARM_PRICES"):
            config.pop("prices", None)
        files = [InitSettingsSource(settings_cls, values) for values in (store, local, config)]
        return (init_settings, files[0], env_settings, *files[1:])

    def __repr_args__(self) -> Any:
        """Leave nothing secret in a log."""
        return [("home", self.home), ("s3_url", self.s3_url)]

    def __str__(self) -> str:
        return repr(self)

    def require_redis_url(self) -> str:
        """The Redis address, password included; raises `ServiceError` when none is configured."""
        if self.redis_url is None:
            raise ServiceError(
                "No farm is configured here: run `farm up`, or set FARM_REDIS_URL and FARM_S3_URL"
                " (and FARM_S3_ENDPOINT and the AWS variables where the store needs them)."
            )
        return self.redis_url.get_secret_value()

    def require_s3_url(self) -> tuple[str, str]:
        """Bucket and prefix (empty, or without slashes at its ends) of the store; raises `ServiceError`."""
        if self.s3_url is None:
            self.require_redis_url()
            raise ServiceError(
                "No store is configured here: set FARM_S3_URL (and FARM_S3_ENDPOINT and the AWS variables where the"
                " store needs them), or run `farm up` for a farm on this machine."
            )
        bucket, _, prefix = self.s3_url.removeprefix("s3://").partition("/")
        return bucket, prefix.strip("/")

    @property
    def uploads_models(self) -> bool:
        """Whether a submitted model's folder must travel: not where the store is a local farm's, on this very disk."""
        if self.upload_models is not None:
            return self.upload_models
        local = read_toml(self.home / "local.toml")
        return (local.get("s3_url"), local.get("s3_endpoint")) != (self.s3_url, self.s3_endpoint)

    def price_for(self, device_name: str) -> float | None:
        """Price per hour of a worker with this device, None where nobody set one."""
        names = {name.casefold(): price for name, price in self.prices.items()}
        return names.get(device_name.casefold(), self.price_per_hour)

    def environment(self) -> dict[str, str]:
        """The variables that give another process these settings, secrets included."""
        values: dict[str, Any] = self.model_dump(exclude_none=True, exclude={"prices", "models"})
        plain = {
            variable(name): value.get_secret_value() if isinstance(value, SecretStr) else str(value)
            for name, value in values.items()
        }
        for name, table in (("prices", self.prices), ("models", self.models)):
            if table:
                import json

                plain[variable(name)] = json.dumps(table)
        return plain


def config_file() -> Path:
    """The user's own settings file, whether it is there or not."""
    return Path(os.environ.get("FARM_CONFIG") or "farm.toml").expanduser()


def _quoted(error: Exception) -> str:
    """The field that the error's text names in quotes."""
    return str(error).split('"')[1]


def variable(field: str) -> str:
    """The environment variable that sets a field."""
    return _AWS.get(field, f"FARM_{field.upper()}")


def read_toml(path: Path) -> dict[str, Any]:
    """What a settings file says; nothing when it is not there. Raises `UsageError` when it cannot be read."""
    import tomllib

    try:
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except (FileNotFoundError, NotADirectoryError):
        if os.environ.get("FARM_CONFIG") and path == config_file():
            raise UsageError(f"FARM_CONFIG names {path}, and that file is not there.") from None
        return {}
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} is not valid TOML: {error}.") from None


def unknown(config: Mapping[str, Any], fields: set[str]) -> None:
    """Refuse a plain value that no setting takes; tables belong to whoever reads them."""
    for name, value in config.items():
        if name not in fields and not isinstance(value, dict):
            import difflib

            near = difflib.get_close_matches(name, fields, 1)
            hint = f": did you mean {near[0]}?" if near else "."
            raise UsageError(f"{config_file()} sets {name!r}, which is no setting{hint}")


def _where(field: str) -> str:
    """The variable or file that a wrong value came from."""
    name = next((known for known, variable in _AWS.items() if variable.lower() == field), field)
    if os.environ.get(variable(name)):
        return f"The variable {variable(name)}"
    if name in read_toml(config_file()):
        return f"{name} in {config_file()}"
    return f"The setting {name}"
