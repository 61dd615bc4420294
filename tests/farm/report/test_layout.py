import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from farm.report.layout import (
    COLUMNS,
    GRID_LINES,
    LARGEST,
    MARGIN,
    PER_LINE,
    ROWS,
    SMALLEST,
    WIDTH,
    Cell,
    arrange,
)


def cells(rows: int, columns: int) -> list[Cell]:
    """A full matrix."""
    return [
        Cell(f"row {row}", f"column {column}", lambda: None)
        for row, column in itertools.product(range(rows), range(columns))
    ]


@settings(deadline=None)
@given(st.integers(0, 60), st.integers(1, 30), st.integers(1, 4096), st.integers(1, 4096))
def test_a_sheet_is_bounded_and_nothing_overlaps(rows: int, columns: int, wide: int, high: int) -> None:
    """Whatever is asked for, the sheet has a bounded size and every place lies inside it, apart from the others."""
    drawing = arrange(cells(rows, columns), picture=(wide, high))
    assert drawing.width <= WIDTH + MARGIN
    assert drawing.height <= 8000
    assert SMALLEST <= max(drawing.thumb) <= LARGEST
    corners = {(left, top) for left, top, _ in drawing.pictures}
    assert len(corners) == len(drawing.pictures)
    for left, top in corners:
        assert left + drawing.thumb[0] <= drawing.width
        assert top + drawing.thumb[1] <= drawing.height
    lefts, tops = sorted({left for left, _ in corners}), sorted({top for _, top in corners})
    assert all(right - left >= drawing.thumb[0] for left, right in itertools.pairwise(lefts))
    assert all(below - above >= drawing.thumb[1] for above, below in itertools.pairwise(tops))


def test_rows_and_columns_keep_their_order() -> None:
    """The first named stands first, also where a place is empty."""
    drawing = arrange([Cell("b", "2", lambda: None), Cell("a", "1", lambda: None)], picture=(64, 64))
    (left_b, top_b, _), (left_a, top_a, _) = drawing.pictures
    assert left_b < left_a
    assert top_b < top_a


def test_of_two_cells_in_one_place_the_first_stands() -> None:
    """A second picture of the same row and column does not cover the first."""
    both = [Cell("a", "1", lambda: b"first"), Cell("a", "1", lambda: b"second"), Cell("a", "2", lambda: None)]
    assert [cell.read() for *_, cell in arrange(both, picture=(64, 64)).pictures] == [b"first", None]


def test_what_is_left_out_is_counted() -> None:
    """The last line says how many rows and columns there are beside those shown."""
    drawing = arrange(cells(ROWS + 5, COLUMNS + 1), picture=(64, 64), more=100)
    assert len(drawing.pictures) == ROWS * COLUMNS
    assert drawing.labels[-1].text == "… and 105 more rows and 1 more column"


def test_one_column_becomes_a_grid() -> None:
    """Pictures that have nothing to be compared with stand in lines, each with its caption below."""
    drawing = arrange(cells(PER_LINE + 1, 1), picture=(64, 64))
    assert len({top for _, top, _ in drawing.pictures}) == 2
    assert [label.text for label in drawing.labels] == [f"row {number}" for number in range(PER_LINE + 1)]
    last = drawing.labels[-1]
    assert last.top + last.lines * 20 <= drawing.height


def test_a_grid_is_bounded_too() -> None:
    """Pictures beyond the last line are counted."""
    drawing = arrange(cells(PER_LINE * GRID_LINES + 3, 1), picture=(64, 64))
    assert drawing.labels[-1].text == "… and 3 more pictures"


@pytest.mark.parametrize(
    ("picture", "thumb"), [((64, 64), (192, 192)), ((1024, 512), (256, 128)), ((512, 1024), (128, 256))]
)
def test_places_have_the_shape_of_the_pictures(picture: tuple[int, int], thumb: tuple[int, int]) -> None:
    """Small pictures are enlarged, large ones shrunk, wide ones stay wide."""
    assert arrange(cells(2, 2), picture=picture).thumb == thumb
