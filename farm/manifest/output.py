"""``output``: what kind of file the pictures are, and what they are called."""

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from farm.manifest.place import Place, shown

#: Format -> the extensions its files may have; the first is what a name without one gets.
EXTENSIONS: Mapping[str, tuple[str, ...]] = {"png": (".png",), "jpeg": (".jpg", ".jpeg"), "webp": (".webp",)}
#: Quality where the user names none: close enough to the original to train on, at a fifth of PNG's bytes.
QUALITIES = {"jpeg": 92, "webp": 90}
#: Quality of a WebP that keeps every pixel.
LOSSLESS: Literal["lossless"] = "lossless"
_NAME = "{index:06}-{seed}-{steps}"
_BEST = 100


class Output(BaseModel):
    """What kind of file the pictures are: part of a job's identity, so no default that may change is left open."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    format: Literal["png", "jpeg", "webp"] = "png"
    name: str = Field(default=f"{_NAME}.png", min_length=1)
    prompt_metadata: bool = True
    #: 1 to 100, or ``lossless`` for WebP; None for PNG, and then left out of every document.
    quality: int | Literal["lossless"] | None = None

    @property
    def extensions(self) -> tuple[str, ...]:
        """The extensions that its files may have, the usual one first."""
        return EXTENSIONS[self.format]

    def document(self) -> dict[str, Any]:
        """As plans keep and hash it."""
        return self.model_dump(exclude_none=True)


def settle(values: Mapping[str, Any], place: Place) -> dict[str, Any]:
    """The section with everything said that its format decides; raises `ManifestError` for a quality it cannot have."""
    kind = values.get("format", "png")
    kind = "jpeg" if kind == "jpg" else kind
    if not isinstance(kind, str) or kind not in EXTENSIONS:
        place.fail(f"must be png, jpeg or webp, and {shown(kind)} is not.", "output.format")
    settled = {"name": f"{_NAME}{EXTENSIONS[kind][0]}"} | dict(values) | {"format": kind}
    if kind in QUALITIES:
        settled["quality"] = _quality(settled.get("quality", QUALITIES[kind]), kind, place)
    elif "quality" in values:
        place.fail(
            "has no meaning for png, which keeps every pixel: remove it, or set output.format.", "output.quality"
        )
    return settled


def _quality(value: Any, kind: str, place: Place) -> int | str:
    if value == LOSSLESS:
        if kind == "jpeg":
            place.fail(
                "must be a whole number for jpeg, which always loses a little: take webp or png.", "output.quality"
            )
        return LOSSLESS
    if type(value) is not int or not 1 <= value <= _BEST:
        also = " or lossless" if kind == "webp" else ""
        place.fail(f"must be a whole number from 1 to {_BEST}{also}, and {shown(value)} is not.", "output.quality")
    return int(value)
