"""Pixels to a picture file, with the text that says how it was made."""

import io
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from farm.manifest.output import LOSSLESS, QUALITIES

if TYPE_CHECKING:
    import numpy as np
    from PIL import Image

#: zlib level of PNG: 6 costs twice the time of 4 for some 2 % fewer bytes.
COMPRESSION = 4
#: Effort of WebP from 0 to 6: 4 costs four times the time of 2 for 3 % fewer bytes; without loss likewise, 1 and 3.
LOSSY_EFFORT, LOSSLESS_EFFORT = 2, 1
#: JPEG keeps full colour resolution from this quality on, as ImageMagick does.
FULL_COLOUR = 90
#: EXIF tag of a text in JPEG and WebP, where others look for ``parameters``.
USER_COMMENT, EXIF_IFD = 0x9286, 0x8769
#: EXIF tags of the ``stepfarm`` JSON, and of who wrote it: the first is ASCII by the standard.
DESCRIPTION, SOFTWARE = 0x010E, 0x0131
#: Bytes of EXIF that one segment of a JPEG holds, less the tags around the two texts.
SEGMENT = 65_533 - 256
#: MIME type by `output.format`.
CONTENT_TYPES = {"png": "image/png", "jpeg": "image/jpeg", "webp": "image/webp"}

Texts = Mapping[str, str]


def encode(
    pixels: "np.ndarray[Any, Any]", *, kind: str = "png", quality: int | str | None = None, texts: Texts
) -> bytes:
    """A picture file.

    Args:
        pixels: 8-bit ``[height, width, 3]``, or one channel.
        kind: ``png``, ``jpeg`` or ``webp``.
        quality: 1 to 100, or ``lossless`` for WebP; the format's usual one when None, and PNG has none.
        texts: ``parameters``, and ``stepfarm`` as JSON. PNG keeps them as text chunks; JPEG and WebP as EXIF, where a
            JPEG whose texts are too long loses first ``stepfarm``, then the end of the prompts.
    """
    from PIL import Image

    image = Image.fromarray(pixels.squeeze(2) if pixels.shape[-1] == 1 else pixels)
    texts = {keyword: _encodable(text) for keyword, text in texts.items()}
    out = io.BytesIO()
    if kind == "png":
        image.save(out, "PNG", compress_level=COMPRESSION, pnginfo=_png_texts(texts))
    else:
        fitting = shortened(texts) if kind == "jpeg" else texts
        told = {"exif": _exif(fitting)} if texts else {}
        image.save(out, kind.upper(), **_options(kind, quality or QUALITIES[kind]), **told)
    return out.getvalue()


def _options(kind: str, quality: int | str) -> dict[str, Any]:
    """What Pillow is told about a JPEG or WebP."""
    if quality == LOSSLESS:
        return {"lossless": True, "method": LOSSLESS_EFFORT}
    if kind == "webp":
        return {"quality": quality, "method": LOSSY_EFFORT}
    return {"quality": quality, "subsampling": "4:4:4" if int(quality) >= FULL_COLOUR else "4:2:0"}


def _png_texts(texts: Texts) -> Any:
    """PNG text chunks: tEXt where the text is Latin-1, else iTXt."""
    from PIL.PngImagePlugin import PngInfo

    info = PngInfo()
    for keyword, text in texts.items():
        info.add_text(keyword, text)
    return info


def _exif(texts: Texts) -> "Image.Exif":
    """The texts as AUTOMATIC1111's web UI writes them: big-endian, in the user comment.

    Readers that know EXIF's rule take UTF-16 in the byte order of the whole block; those that do not, take big-endian.
    """
    from PIL import Image

    exif = Image.Exif()
    exif.endian = ">"
    if "parameters" in texts:
        exif.get_ifd(EXIF_IFD)[USER_COMMENT] = _comment(texts["parameters"])
    if "stepfarm" in texts:
        exif[SOFTWARE], exif[DESCRIPTION] = "Stepfarm", _ascii(texts["stepfarm"])
    return exif


def shortened(texts: Texts) -> dict[str, str]:
    """The texts as far as the one EXIF segment of a JPEG holds them."""
    kept = dict(texts)
    room = SEGMENT - len(_comment(kept.get("parameters", "")))
    if len(_ascii(kept.get("stepfarm", "null"))) > room:
        del kept["stepfarm"]
    if room < 0:
        body, _, settings = kept["parameters"].rpartition("\n")
        left = SEGMENT - len(_comment(f" …\n{settings}"))
        kept["parameters"] = f"{body.encode('utf-16-be')[:left].decode('utf-16-be', 'ignore')} …\n{settings}"
    return kept


def _comment(text: str) -> bytes:
    return b"UNICODE\0" + text.encode("utf-16-be")


def _ascii(document: str) -> str:
    """A JSON document in ASCII."""
    return json.dumps(json.loads(document))


def _encodable(text: str) -> str:
    """The text without what no encoding holds: half a surrogate pair becomes a question mark."""
    return text.encode("utf-8", "replace").decode()
