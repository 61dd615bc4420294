import sys
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from farm.report import lettering
from farm.report.lettering import Lettering, fonts, has, spelled


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A machine without fonts, such as a slim container."""
    monkeypatch.setattr(lettering, "FILES", ())
    fonts.cache_clear()
    yield
    fonts.cache_clear()


def drawn(text: str) -> bytes:
    """A text, drawn."""
    image = Image.new("L", (400, 30), 255)
    Lettering(16).draw(ImageDraw.Draw(image), (0, 0), text, fill="black")
    return image.tobytes()


@pytest.mark.usefixtures("bare")
@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("a red circle", "a red circle"),
        ("ein Bär, très bien", "ein Bar, tres bien"),
        ("かさ", "kasa"),
        ("한", "han"),
        ("ξ", "xi"),
        ("🐈 on a mat", "[cat] on a mat"),
        ("日本", "U+65E5U+672C"),
        ("👩\u200d🎨", "[woman][artist palette]"),
        ("①", "1"),
        ("a — b", "a - b"),
    ],
)
def test_without_fonts_a_text_can_still_be_read(text: str, read: str) -> None:
    """No boxes: what is drawn is what the plain letters draw."""
    assert drawn(text) == drawn(read)
    assert Lettering(16).width(text) == Lettering(16).width(read)


def test_a_font_that_has_all_of_a_text_draws_it() -> None:
    """Plain English looks as it always did."""
    assert [font for font, _ in Lettering(16)._runs("a red circle, seed 7 …")] == [fonts(16)[0]]


@pytest.mark.skipif(len(fonts(16)) == 1, reason="this machine has no fonts")
def test_the_fonts_of_the_machine_are_used() -> None:
    """A text that one of them has is one piece in it, with its own letters."""
    other = fonts(16)[1]
    text = next(each for each in ("ein Bär", "кот") if all(has(other, character) for character in each))
    assert Lettering(16)._runs(text) == [(other, text)]


def test_a_font_knows_what_it_has() -> None:
    """Letters and spaces, but no character that is none."""
    own = fonts(16)[0]
    assert has(own, "a")
    assert has(own, " ")
    assert not has(own, "\U0010ffff")
    assert not has(own, "日")


@given(st.characters(max_codepoint=sys.maxunicode))
def test_every_character_is_spelled_in_ascii(character: str) -> None:
    """On one line; nothing at all only for what has no shape of its own."""
    made = spelled(character)
    assert made.isascii()
    assert "\n" not in made
    assert made or not character.isalnum()
