"""What a model consists of, file by file: written when its upload is complete, and what a download is held against."""

from pathlib import PurePosixPath
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from farm.errors import DamagedError
from farm.files import INDEX, SUFFIXES

#: Folders that a file of a model lies in, itself included: ``unet/config.json``.
_DEPTH = 2


def _path(value: str) -> str:
    """A path that stays in the model's folder and ends in what is no code."""
    parts = PurePosixPath(value).parts
    plain = "/".join(parts) == value and len(parts) <= _DEPTH and not any(part.startswith(".") for part in parts)
    if not plain or not value.isprintable() or "\\" in value or not value.endswith(SUFFIXES):
        raise ValueError("no path of a model's file")
    return value


class File(BaseModel):
    """One file of a model.

    Args:
        path: below the model's folder, such as ``unet/config.json``.
        bytes: its size.
        sha256: of its content, in hex; None of a bucket that is not the farm's own, where nobody has computed it.
    """

    model_config = ConfigDict(frozen=True)

    path: Annotated[str, AfterValidator(_path)]
    bytes: Annotated[int, Field(ge=0)]
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")] | None = None


class Inventory(BaseModel):
    """The files of a model that a pipeline reads.

    Args:
        model: what its submitter called it.
        revision: its fingerprint.
        variant: of the weights.
        files: in the order of their paths, no path twice.
    """

    model_config = ConfigDict(frozen=True)

    #: Format of the document; a farm refuses one that it does not know.
    version: Literal[1] = 1
    model: str
    revision: str
    variant: str | None = None
    files: tuple[File, ...]

    @model_validator(mode="after")
    def _whole(self) -> "Inventory":
        paths = [file.path for file in self.files]
        if INDEX not in paths or len(set(paths)) < len(paths):
            raise ValueError(f"no {INDEX}, or a file twice")
        return self

    @property
    def size(self) -> int:
        """Bytes of the model."""
        return sum(file.bytes for file in self.files)

    def to_json(self) -> bytes:
        """The document."""
        return self.model_dump_json(indent=1).encode()

    @classmethod
    def parse(cls, data: bytes) -> "Inventory":
        """A document as it was written; raises `DamagedError` for one that names anything but files of a model."""
        try:
            return cls.model_validate_json(data)
        except ValidationError:
            raise DamagedError("the list of its files names what is no file of a model") from None
