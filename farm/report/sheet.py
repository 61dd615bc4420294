"""The contact sheet: pictures side by side, a row per prompt and seed, a column per step count, as one PNG."""

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING

from farm.report.layout import LINE, MARGIN, Cell, Label, arrange

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.ImageDraw import ImageDraw
    from PIL.ImageFont import FreeTypeFont, ImageFont

    Font = FreeTypeFont | ImageFont

__all__ = ["Cell", "contact_sheet"]

_TITLE_SIZE, _TEXT_SIZE = 24, 16
_PAPER, _INK, _PALE, _EMPTY = "#fbfaf7", "#22252a", "#6b7078", "#e4e2dc"


def contact_sheet(cells: Sequence[Cell], *, title: str = "", more: int = 0) -> bytes:
    """Draw a contact sheet; returns the bytes of a PNG of bounded size.

    Args:
        cells: the pictures; of two in one place the first is shown. Cells of one column stand in a grid.
        title: one line above the sheet.
        more: rows beyond the cells given, to be counted in the last line.
    """
    from PIL import Image, ImageDraw

    known = (picture.size for cell in cells[:8] if (picture := _opened(cell)) is not None)
    drawing = arrange(cells, picture=next(known, (1, 1)), more=more)
    sheet = Image.new("RGB", (drawing.width, drawing.height), _PAPER)
    draw = ImageDraw.Draw(sheet)
    heading = _font(_TITLE_SIZE)
    draw.text((MARGIN, MARGIN - 4), _cut(draw, title, heading, drawing.width - 2 * MARGIN), fill=_INK, font=heading)
    for label in drawing.labels:
        _write(draw, label)
    for left, top, cell in drawing.pictures:
        _paint(sheet, draw, (left, top), drawing.thumb, _opened(cell))
    out = io.BytesIO()
    sheet.save(out, "PNG", optimize=True)
    return out.getvalue()


def _opened(cell: Cell) -> "Image | None":
    """The picture of a cell; None when it is not there or is no picture."""
    from PIL import Image, UnidentifiedImageError

    data = cell.read()
    if data is None:
        return None
    try:
        return Image.open(io.BytesIO(data)).convert("RGB")
    except (UnidentifiedImageError, OSError):
        return None


def _paint(
    sheet: "Image", draw: "ImageDraw", corner: tuple[int, int], size: tuple[int, int], picture: "Image | None"
) -> None:
    """Fit a picture into its place, small ones enlarged; an empty place stands for one that is not there."""
    from PIL import Image, ImageOps

    (left, top), (wide, high) = corner, size
    if picture is None:
        draw.rectangle((left, top, left + wide - 1, top + high - 1), fill=_EMPTY)
        draw.text((left + LINE // 2, top + LINE // 2), "no picture", fill=_PALE, font=_font(_TEXT_SIZE))
        return
    fitted = ImageOps.contain(picture, size, Image.Resampling.LANCZOS)
    sheet.paste(fitted, (left + (wide - fitted.width) // 2, top + (high - fitted.height) // 2))


def _write(draw: "ImageDraw", label: Label) -> None:
    font = _font(_TEXT_SIZE)
    for number, line in enumerate(wrapped(draw, label.text, font, width=label.width, lines=label.lines)):
        draw.text((label.left, label.top + number * LINE), line, fill=_PALE if label.pale else _INK, font=font)


def _font(size: int) -> "Font":
    from PIL import ImageFont

    return ImageFont.load_default(size)


def wrapped(draw: "ImageDraw", text: str, font: "Font", *, width: int, lines: int) -> list[str]:
    """Break a label into at most so many lines of at most `width` pixels.

    Too much of it is cut before its last paragraph, which holds the seed.
    """
    *body, last = text.split("\n")
    made = [line for paragraph in body for line in _broken(draw, paragraph, font, width)]
    ending = _broken(draw, last, font, width)[: max(1, lines if not body else lines - 1)]
    room = max(0, lines - len(ending))
    if len(made) > room:
        made = [*made[: room - 1], f"{made[room - 1]} …"] if room else []
    return [_cut(draw, line, font, width) for line in (*made, *ending)]


def _broken(draw: "ImageDraw", paragraph: str, font: "Font", width: int) -> list[str]:
    """Break a paragraph at its spaces."""
    made = [""]
    for word in paragraph.split():
        longer = f"{made[-1]} {word}".strip()
        if made[-1] and draw.textlength(longer, font=font) > width:
            made.append(word)
        else:
            made[-1] = longer
    return made


def _cut(draw: "ImageDraw", text: str, font: "Font", width: int) -> str:
    """The text, shortened to `width` pixels with an ellipsis at its end."""
    if draw.textlength(text, font=font) <= width:
        return text
    kept = text.removesuffix("…").rstrip()
    while kept and draw.textlength(f"{kept}…", font=font) > width:
        kept = kept[:-1]
    return f"{kept.rstrip()}…"
