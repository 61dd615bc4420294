import pytest

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
