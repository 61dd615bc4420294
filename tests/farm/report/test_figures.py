import pytest
from hypothesis import given
from hypothesis import strategies as st

from farm.report.figures import duration, figure, share, short_model


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "-"),
        (0.0, "0"),
        (0.0412345, "0.0412"),
        (0.00000988, "0.00000988"),
        (12.345, "12.3"),
        (0.9996, "1.00"),
        (123456.0, "123 000"),
        (-0.0125, "-0.0125"),
    ],
)
def test_figures_have_three_digits_and_no_exponent(value: float | None, text: str) -> None:
    """Small costs stay readable as plain decimals, and what is not known is a dash."""
    assert figure(value) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0, "0 s"),
        (0.2144, "0.214 s"),
        (8.24, "8.2 s"),
        (59.9, "1 min 00 s"),
        (185, "3 min 05 s"),
        (7620, "2 h 07 min"),
    ],
)
def test_durations_choose_their_unit(seconds: float, text: str) -> None:
    """Seconds, then minutes, then hours; 60 seconds are never shown as seconds."""
    assert duration(seconds) == text


def test_share_of_nothing_is_a_dash() -> None:
    """A job without wall time has no shares."""
    assert share(1.0, 4.0) == "25.0 %"
    assert share(1.0, 0.0) == "-"


@pytest.mark.parametrize(
    ("model", "name"),
    [
        ("/models/sdxl/", "sdxl"),
        ("builtin:shapes", "builtin:shapes"),
        ("org/model", "org/model"),
        ("s3://b/m", "s3://b/m"),
    ],
)
def test_only_local_paths_are_shortened(model: str, name: str) -> None:
    """A Hub id says whose model it is, so it stays whole."""
    assert short_model(model) == name


@given(st.floats(1e-9, 1e12) | st.floats(-1e12, -1e-9))
def test_a_figure_is_near_what_it_stands_for(value: float) -> None:
    """Three digits are within half a percent, and nobody meets an exponent."""
    text = figure(value)
    assert "e" not in text
    assert float(text.replace(" ", "")) == pytest.approx(value, rel=0.00501)


@given(st.floats(0, 1e7))
def test_a_duration_is_near_what_it_stands_for(seconds: float) -> None:
    """Read back it is off by less than its smallest unit shows."""
    sizes = {"h": 3600, "min": 60, "s": 1}
    words = duration(seconds).split()
    read = sum(float(number) * sizes[unit] for number, unit in zip(words[::2], words[1::2], strict=True))
    assert read == pytest.approx(seconds, abs=60.5 if "h" in words else 0.51 if seconds >= 59 else 0.051)


@given(st.floats(0, 1), st.floats(0.001, 1e6))
def test_a_share_reads_as_percent(part: float, whole: float) -> None:
    """To one decimal."""
    assert float(share(part * whole, whole).removesuffix(" %")) == pytest.approx(100 * part, abs=0.0501)
