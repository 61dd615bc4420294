import io

import pytest
from PIL import Image

from farm.report.layout import Cell, arrange
from farm.report.lettering import Lettering
from farm.report.sheet import contact_sheet, wrapped

RED, BLUE = (220, 30, 30), (30, 60, 220)


def png(colour: tuple[int, int, int], size: tuple[int, int] = (64, 64)) -> bytes:
    """A picture of one colour."""
    out = io.BytesIO()
    Image.new("RGB", size, colour).save(out, "PNG")
    return out.getvalue()


def opened(data: bytes) -> Image.Image:
    """The sheet as a picture."""
    sheet = Image.open(io.BytesIO(data))
    assert sheet.format == "PNG"
    return sheet.convert("RGB")


def middle(sheet: Image.Image, cells: list[Cell], number: int) -> object:
    """Colour in the middle of a cell's place."""
    drawing = arrange(cells, picture=(64, 64))
    left, top, _ = drawing.pictures[number]
    return sheet.getpixel((left + drawing.thumb[0] // 2, top + drawing.thumb[1] // 2))


def test_pictures_stand_in_their_places() -> None:
    """Row by row, column by column, on light paper with a title."""
    cells = [Cell("a", "2 steps", lambda: png(RED)), Cell("a", "4 steps", lambda: png(BLUE))]
    sheet = opened(contact_sheet(cells, title="mugs"))
    assert (middle(sheet, cells, 0), middle(sheet, cells, 1)) == (RED, BLUE)
    assert min(sheet.getpixel((2, 2))) > 240  # type: ignore[arg-type]


def test_labels_are_drawn() -> None:
    """Dark ink stands left of a row and above a column."""
    cells = [Cell("a prompt", "2 steps", lambda: png(RED)), Cell("a prompt", "4 steps", lambda: png(RED))]
    sheet = opened(contact_sheet(cells))
    for label in arrange(cells, picture=(64, 64)).labels:
        box = sheet.crop((label.left, label.top, label.left + label.width, label.top + 20)).convert("L")
        assert box.getextrema()[0] < 90  # type: ignore[operator]


@pytest.mark.parametrize("broken", [None, b"", b"no picture at all", png(RED)[:60]])
def test_a_picture_that_is_not_there_leaves_an_empty_place(broken: bytes | None) -> None:
    """A missing or damaged file is shown as such, and the others beside it."""
    cells = [Cell("a", "2", lambda: broken), Cell("a", "4", lambda: png(BLUE))]
    sheet = opened(contact_sheet(cells))
    assert middle(sheet, cells, 0) == (0xE4, 0xE2, 0xDC)
    assert middle(sheet, cells, 1) == BLUE


def test_an_empty_sheet_is_still_a_picture() -> None:
    """A job without a picture has a sheet that says its name."""
    assert opened(contact_sheet([], title="nothing yet")).width > 100


def test_equal_input_gives_equal_bytes() -> None:
    """A sheet can be made again."""
    cells = [Cell("a", "2", lambda: png(RED)), Cell("b", "2", lambda: png(BLUE))]
    assert contact_sheet(cells) == contact_sheet(cells)


def test_only_what_is_shown_is_read() -> None:
    """Hundreds of rows cost no more reads than the sheet has places, and a few to learn the size."""
    read: list[int] = []

    def reader(number: int) -> bytes:
        read.append(number)
        return png(RED)

    cells = [Cell(f"row {n // 2}", f"{n % 2}", lambda n=n: reader(n)) for n in range(600)]  # type: ignore[misc]
    contact_sheet(cells)
    assert len(read) <= 2 * 24 + 8


@pytest.mark.parametrize(
    "text",
    [
        "a large red circle on a white background, oil on canvas " * 4, "x" * 400, "", "日本 ☂", "赤い丸" * 100,
        "ein Bär in Ænigma, ξένος, кот", "🐈" * 40, "word " * 10_000, "漢" * 100_000,
    ],
)  # fmt: skip
@pytest.mark.parametrize("lines", [1, 2, 3, 9])
def test_labels_fit_their_box_and_keep_the_seed(text: str, lines: int) -> None:
    """However long the prompt, in whatever script, it stays in its box, and the last line is the seed."""
    letters = Lettering(16)
    made = wrapped(f"{text}\nseed 7", letters, width=200, lines=lines)
    assert len(made) <= lines
    assert made[-1] == "seed 7"
    assert all(letters.width(line) <= 200 for line in made)


def test_a_script_without_spaces_is_broken_into_lines() -> None:
    """All of it is there, not its first line alone."""
    letters = Lettering(16)
    assert "".join(wrapped("赤い丸が白い紙に\nseed 7", letters, width=60, lines=30)[:-1]) == "赤い丸が白い紙に"
