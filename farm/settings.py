"""Settings: environment variables, the local farm's file, then the user's ``farm.toml``. Read once at entry."""

from pathlib import Path
from typing import Any

from pydantic import Field, SecretStr
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)


class Settings(BaseSettings):
    """Everything a process of the farm is told from outside; frozen.

    Sources, first wins: arguments, ``FARM_*`` and ``AWS_*`` variables, ``FARM_HOME/local.toml`` (written by ``farm up``),
    ``farm.toml`` in the working directory.
    """

    model_config = SettingsConfigDict(env_prefix="FARM_", frozen=True, extra="ignore", populate_by_name=True)

    home: Path = Path(".farm")
    redis_url: SecretStr | None = None
    #: ``s3://bucket/prefix``.
    s3_url: str | None = None
    #: None is AWS itself.
    s3_endpoint: str | None = None
    aws_access_key_id: SecretStr | None = Field(default=None, validation_alias="AWS_ACCESS_KEY_ID")
    aws_secret_access_key: SecretStr | None = Field(default=None, validation_alias="AWS_SECRET_ACCESS_KEY")
    aws_region: str = Field(default="us-east-1", validation_alias="AWS_DEFAULT_REGION")
    #: Prefix of every Redis key of this farm: two farms can share a server.
    prefix: str = "farm"
    #: Seconds. Three renewals may be missed before a range is given to another worker.
    lease: float = 30.0
    #: Currency units per hour of the worker this process is, or of every worker without a price of its own.
    price_per_hour: float | None = None
    #: Device name -> price per hour.
    prices: dict[str, float] = Field(default_factory=dict)

    def __repr_args__(self) -> Any:
        """Leave nothing secret in a log."""
        return [("home", self.home), ("s3_url", self.s3_url)]
