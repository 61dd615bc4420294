"""Text on a picture, in any script: in the fonts that this machine has, else spelled out in plain letters.

Pillow's own font has little more than ASCII, and fonts for all scripts are larger than this whole program. So a text is
drawn in the first font that has all of it; where none has, each character in the first font that has it; and where no
font has it, as something that can be read: ``é`` as ``e``, かさ as ``kasa``, a symbol by its name.
"""

import unicodedata
from functools import cache
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from PIL.ImageDraw import ImageDraw
    from PIL.ImageFont import FreeTypeFont

#: Files of fonts by how much they have, looked for where the system keeps fonts.
FILES = (
    "DejaVuSans.ttf", "NotoSans-Regular.ttf", "LiberationSans-Regular.ttf", "Arial.ttf", "segoeui.ttf",
    "NotoSansCJK-Regular.ttc", "NotoSansCJKjp-Regular.otf", "SourceHanSans.ttc", "wqy-microhei.ttc", "wqy-zenhei.ttc",
    "DroidSansFallbackFull.ttf", "Hiragino Sans GB.ttc", "AppleSDGothicNeo.ttc", "Arial Unicode.ttf", "msyh.ttc",
    "YuGothM.ttc", "malgun.ttf", "NotoSansSymbols2-Regular.ttf", "Symbola.ttf", "NotoEmoji-Regular.ttf", "seguisym.ttf",
    "unifont.otf", "unifont.ttf",
)  # fmt: skip
#: A character that no font has: what is drawn for it is what is drawn for every one that is not there.
_NOWHERE = "\U0010fffe"
#: Marks and format characters alone say nothing: accents, joiners, variants of emoji.
_SILENT = ("Mn", "Me", "Cf")


class Lettering:
    """Text of one size.

    Args:
        size: pixels.
    """

    def __init__(self, size: int) -> None:
        self._fonts = fonts(size)

    def width(self, text: str) -> float:
        """How wide a text is, in pixels."""
        return sum(font.getlength(run) for font, run in self._runs(text))

    def draw(self, draw: "ImageDraw", corner: tuple[float, float], text: str, *, fill: str) -> None:
        """Draw a text on one line, whatever its fonts, from the upper left corner of its line on."""
        left, base = corner[0], corner[1] + self._fonts[0].getmetrics()[0]
        for font, run in self._runs(text):
            draw.text((left, base), run, fill=fill, font=font, anchor="ls")
            left += font.getlength(run)

    def _runs(self, text: str) -> "list[tuple[FreeTypeFont, str]]":
        """A text as pieces that one font each can show."""
        for font in self._fonts:
            if all(has(font, character) for character in text):
                return [(font, text)]
        found: list[tuple[FreeTypeFont, str]] = []
        for character in text:
            font = next((each for each in self._fonts if has(each, character)), self._fonts[0])
            shown = character if has(font, character) else spelled(character)
            if found and found[-1][0] is font:
                found[-1] = (font, found[-1][1] + shown)
            else:
                found.append((font, shown))
        return found


@cache
def fonts(size: int) -> "tuple[FreeTypeFont, ...]":
    """Pillow's own font, then those that this machine has."""
    from PIL import ImageFont

    found = [cast("FreeTypeFont", ImageFont.load_default(size))]
    for file in FILES:
        try:
            found.append(ImageFont.truetype(file, size))
        except OSError:
            continue
    return tuple(found)


@cache
def has(font: "FreeTypeFont", character: str) -> bool:
    """Whether a font has a character."""
    if character.isspace():
        return True
    drawn, nothing = (font.getmask(each) for each in (character, _NOWHERE))
    return (drawn.size, bytes(drawn)) != (nothing.size, bytes(nothing))


def spelled(character: str) -> str:
    """A character in ASCII: its plain letters, the sound or name of it, at last its number."""
    plain = unicodedata.normalize("NFKD", character).encode("ascii", "ignore").decode().strip()
    if plain.isprintable() and plain:
        return plain
    name, kind = unicodedata.name(character, ""), unicodedata.category(character)
    if kind in _SILENT:
        return ""
    if kind == "Pd":
        return "-"
    if " LETTER " in name or " SYLLABLE " in name:
        return name.rsplit(" ", 1)[-1].lower()
    return f"[{name.lower()}]" if name and kind[0] in "SP" else f"U+{ord(character):04X}"
