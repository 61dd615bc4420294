"""Where everything on a contact sheet stands, in pixels from its upper left corner; pure geometry."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

#: Thumbnails shrink until a sheet is no wider than this, but their longer side never below the smallest.
WIDTH = 2400
LARGEST, SMALLEST = 256, 96
#: Small pictures are enlarged to this longer side.
USUAL = 192
#: What a sheet shows at most; the rest is counted in its last line.
ROWS, COLUMNS = 24, 12
#: A sheet of one column is a grid: pictures in a line, and lines.
PER_LINE, GRID_LINES = 8, 8

GAP, MARGIN, LABEL = 8, 24, 220
#: Height of a line of text, and of the title.
LINE, TITLE = 20, 40
GRID_CAPTION_LINES = 3


@dataclass(frozen=True, slots=True)
class Cell:
    """One picture and where it stands.

    Args:
        row: label of its row; cells of equal labels share a row, and rows stand in the order they are first named.
        column: label of its column, likewise.
        read: gives the picture's file, None when it is not there; called only for what the sheet shows.
    """

    row: str
    column: str
    read: Callable[[], bytes | None]


@dataclass(frozen=True, slots=True)
class Label:
    """Text in a box: at most `lines` lines of `width` pixels."""

    left: int
    top: int
    width: int
    lines: int
    text: str
    pale: bool = False


@dataclass(frozen=True, slots=True)
class Drawing:
    """A sheet that only has to be painted.

    Args:
        width: pixels; height likewise.
        thumb: width and height of every picture's place.
        pictures: upper left corner of each place, and what stands there.
        labels: every text but the title, which stands at the margin.
    """

    width: int
    height: int
    thumb: tuple[int, int]
    pictures: tuple[tuple[int, int, Cell], ...]
    labels: tuple[Label, ...]


def arrange(cells: Sequence[Cell], *, picture: tuple[int, int], more: int = 0) -> Drawing:
    """A matrix of rows and columns, or a grid with captions where there is only one column.

    Args:
        cells: the pictures; of two in one place the first is shown.
        picture: width and height of the pictures, in their own pixels.
        more: rows (in a grid: pictures) beyond the cells given, to be counted in the last line.
    """
    columns = list(dict.fromkeys(cell.column for cell in cells))
    return _matrix(cells, columns, picture, more) if len(columns) > 1 else _grid(cells, picture, more)


def _matrix(cells: Sequence[Cell], columns: list[str], picture: tuple[int, int], more: int) -> Drawing:
    rows = list(dict.fromkeys(cell.row for cell in cells))
    shown_rows, shown_columns = rows[:ROWS], columns[:COLUMNS]
    wide, high = thumb = _thumb(picture, columns=len(shown_columns), left=LABEL)
    heads = max(label.count("\n") + 1 for label in columns)
    top = MARGIN + TITLE + heads * LINE + GAP
    at_row = {label: top + number * (high + GAP) for number, label in enumerate(shown_rows)}
    at_column = {label: MARGIN + LABEL + number * (wide + GAP) for number, label in enumerate(shown_columns)}
    places = {(cell.row, cell.column): cell for cell in reversed(cells)}
    lines = max(1, (high + GAP) // LINE)
    labels = [Label(MARGIN, y, LABEL - 2 * GAP, lines, text) for text, y in at_row.items()]
    labels += [Label(x, MARGIN + TITLE, wide, heads, text) for text, x in at_column.items()]
    hidden = _rest(len(rows) - len(shown_rows) + more, "row", len(columns) - len(shown_columns))
    return _closed(
        thumb,
        [
            (x, y, places[row, column])
            for row, y in at_row.items()
            for column, x in at_column.items()
            if (row, column) in places
        ],
        labels,
        hidden,
    )


def _grid(cells: Sequence[Cell], picture: tuple[int, int], more: int) -> Drawing:
    shown = cells[: PER_LINE * GRID_LINES]
    wide, high = thumb = _thumb(picture, columns=PER_LINE, left=0)
    step = high + GRID_CAPTION_LINES * LINE + 2 * GAP
    pictures = [
        (MARGIN + number % PER_LINE * (wide + GAP), MARGIN + TITLE + number // PER_LINE * step, cell)
        for number, cell in enumerate(shown)
    ]
    labels = [Label(x, y + high + GAP // 2, wide, GRID_CAPTION_LINES, cell.row) for x, y, cell in pictures]
    return _closed(thumb, pictures, labels, _rest(len(cells) - len(shown) + more, "picture", 0))


def _thumb(picture: tuple[int, int], *, columns: int, left: int) -> tuple[int, int]:
    """Width and height of a place: the pictures' own shape, in the room that the columns leave."""
    room = (WIDTH - 2 * MARGIN - left) // max(1, columns) - GAP
    longest = max(1, *picture)
    side = max(SMALLEST, min(LARGEST, max(USUAL, longest), room))
    wide, high = (max(1, round(side * edge / longest)) for edge in picture)
    return max(wide, SMALLEST), max(high, SMALLEST)


def _rest(lines: int, what: str, columns: int) -> str:
    """What the sheet leaves out, in words."""
    said = [f"{count} more {word}{'s' * (count != 1)}" for count, word in ((lines, what), (columns, "column")) if count]
    return f"… and {' and '.join(said)}" if said else ""


def _closed(thumb: tuple[int, int], pictures: list[tuple[int, int, Cell]], labels: list[Label], rest: str) -> Drawing:
    """The drawing with its last line, as large as what is on it."""
    bottom = max(
        [y + thumb[1] for _, y, _ in pictures] + [label.top + label.lines * LINE for label in labels],
        default=MARGIN + TITLE,
    )
    right = max([x + thumb[0] for x, _, _ in pictures], default=MARGIN + LABEL)
    if rest:
        labels = [*labels, Label(MARGIN, bottom + GAP, max(LABEL, right - MARGIN), 1, rest, pale=True)]
        bottom += GAP + LINE
    return Drawing(right + MARGIN, bottom + MARGIN, thumb, tuple(pictures), tuple(labels))
