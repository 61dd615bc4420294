"""The contact sheet: pictures side by side, a row per prompt and seed, a column per step count, as one PNG."""

import io
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from farm.report.layout import LINE, MARGIN, Cell, Label, arrange
from farm.report.lettering import Lettering

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.ImageDraw import ImageDraw

__all__ = ["Cell", "contact_sheet"]

_TITLE_SIZE, _TEXT_SIZE = 24, 16
#: Characters of a paragraph that are looked at: far more than any label shows.
_READABLE = 1000
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
    heading = Lettering(_TITLE_SIZE)
    heading.draw(draw, (MARGIN, MARGIN - 4), _cut(title, heading, drawing.width - 2 * MARGIN), fill=_INK)
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
        Lettering(_TEXT_SIZE).draw(draw, (left + LINE // 2, top + LINE // 2), "no picture", fill=_PALE)
        return
    fitted = ImageOps.contain(picture, size, Image.Resampling.LANCZOS)
    sheet.paste(fitted, (left + (wide - fitted.width) // 2, top + (high - fitted.height) // 2))


def _write(draw: "ImageDraw", label: Label) -> None:
    letters = Lettering(_TEXT_SIZE)
    for number, line in enumerate(wrapped(label.text, letters, width=label.width, lines=label.lines)):
        letters.draw(draw, (label.left, label.top + number * LINE), line, fill=_PALE if label.pale else _INK)


def wrapped(text: str, letters: Lettering, *, width: int, lines: int) -> list[str]:
    """Break a label into at most so many lines of at most `width` pixels.

    Too much of it is cut before its last paragraph, which holds the seed.
    """
    *body, last = text.split("\n")
    made = [line for paragraph in body for line in _broken(paragraph, letters, width)]
    ending = _broken(last, letters, width)[: max(1, lines if not body else lines - 1)]
    room = max(0, lines - len(ending))
    if len(made) > room:
        made = [*made[: room - 1], f"{made[room - 1]} …"] if room else []
    return [_cut(line, letters, width) for line in (*made, *ending)]


def _broken(paragraph: str, letters: Lettering, width: int) -> list[str]:
    """Break a paragraph at its spaces, and what has none, as in scripts without them, where it is full."""
    made = [""]
    for word in _words(paragraph, letters, width):
        longer = f"{made[-1]} {word}".strip()
        if made[-1] and letters.width(longer) > width:
            made.append(word)
        else:
            made[-1] = longer
    return made


def _words(paragraph: str, letters: Lettering, width: int) -> Iterator[str]:
    """The words of a paragraph, those in pieces that are wider than a line and not of ASCII."""
    for word in paragraph[:_READABLE].split():
        begun = "" if not word.isascii() else word
        for character in word.removeprefix(begun):
            if begun and letters.width(begun + character) > width:
                yield begun
                begun = ""
            begun += character
        yield begun


def _cut(text: str, letters: Lettering, width: int) -> str:
    """The text, shortened to `width` pixels with an ellipsis at its end."""
    if letters.width(text) <= width:
        return text
    kept = text.removesuffix("…").rstrip()
    while kept and letters.width(f"{kept}…") > width:
        kept = kept[:-1]
    return f"{kept.rstrip()}…"
