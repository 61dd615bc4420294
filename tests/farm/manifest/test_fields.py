"""One value of every field: what is taken, what it becomes, and what is said of the rest."""

import math
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from farm.manifest.fields import (
    ALIASES,
    MAX_SEED,
    READERS,
    Axis,
    WrongItemError,
    label,
    meta,
    read_values,
)
from farm.manifest.json_text import LongNumber


@pytest.mark.parametrize(
    ("name", "value", "read"),
    [
        ("seed", 0, 0),
        ("seed", MAX_SEED, MAX_SEED),
        ("seed", " 42 ", 42),
        ("steps", 150, 150),
        ("steps", "20", 20),
        ("guidance_scale", 7, 7.0),
        ("guidance_scale", "7.5", 7.5),
        ("guidance_scale", 0, 0.0),
        ("guidance_scale", -0.0, 0.0),
        ("prompt", "ein Becher, größer als 茶碗 ☕", "ein Becher, größer als 茶碗 ☕"),
        ("prompt", "", ""),
        ("prompt", "two\nlines", "two\nlines"),
        ("negative_prompt", "", ""),
        ("model", " org/name ", "org/name"),
        ("size", "1024x768", (1024, 768)),
        ("size", " 64 X 64 ", (64, 64)),
        ("width", 512, 512),
        ("height", "8", 8),
        ("dtype", "fp16", "float16"),
        ("dtype", "BF16", "bfloat16"),
        ("dtype", "auto", "auto"),
        ("scheduler", "DPM++ 2M Karras", "dpm++2m-karras"),
        ("scheduler", "default", "default"),
        ("timestep_spacing", "trailing", "trailing"),
    ],
)
def test_a_value_is_read_canonical(name: str, value: Any, read: Any) -> None:
    """As YAML, JSON or a cell hand it over."""
    found = READERS[name](value)
    assert found == read
    assert type(found) is type(read)
    assert not isinstance(found, float) or math.copysign(1, found) == 1


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("seed", -1, "from 0 to 18446744073709551615, and -1 is not"),
        ("seed", MAX_SEED + 1, "from 0 to 18446744073709551615"),
        ("seed", "-1", "and -1 is not"),
        ("seed", "9" * 10_000, "this one has 10000 digits"),
        ("seed", LongNumber("9" * 10_000), "this one has 10000 digits"),
        ("seed", True, "True is not"),
        ("seed", 1.0, "1.0 is not"),
        ("seed", [], "a list is not"),
        ("steps", 0, "from 1 to 150, and 0 is not"),
        ("steps", 151, "from 1 to 150, and 151 is not"),
        ("steps", "many", "'many' is not"),
        ("steps", None, "None is not"),
        ("guidance_scale", -1, "a number from 0 to 1000"),
        ("guidance_scale", math.nan, "a number from 0 to 1000"),
        ("guidance_scale", math.inf, "a number from 0 to 1000"),
        ("guidance_scale", 10**400, "a number from 0 to 1000"),
        ("guidance_scale", "strong", "'strong' is not"),
        ("guidance_scale", True, "True is not"),
        ("prompt", 42, "must be text, and 42 is not (put it in quotes)"),
        ("prompt", None, "must be text, and None is not."),
        ("prompt", {"text": "a"}, "a mapping is not"),
        ("prompt", "half \ud83d", "half of a surrogate pair"),
        ("model", "", "a name on one line"),
        ("model", "a\nb", "a name on one line"),
        ("size", "big", "WIDTHxHEIGHT such as 1024x1024, and 'big' is not"),
        ("size", 512, "512 is not"),
        ("size", "512x", "is not"),
        ("size", "100x64", "a multiple of 8 such as 96 or 104, not 100"),
        ("size", "0x64", "from 8 to 16384"),
        ("size", "64x99999", "from 8 to 16384"),
        ("width", 12, "a multiple of 8"),
        ("dtype", "int8", "must be one of auto, float32"),
        ("dtype", 16, "16 is not"),
        ("scheduler", "eular", "did you mean euler"),
        ("timestep_spacing", "even", "must be one of linspace, leading, trailing"),
    ],
)
def test_a_value_that_is_wrong(name: str, value: Any, said: str) -> None:
    """What was expected, and what came."""
    with pytest.raises(ValueError, match=re.escape(said)):
        READERS[name](value)


@given(
    st.sampled_from(sorted(READERS)), st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.just([])
)
def test_a_reader_reads_or_says_a_sentence(name: str, value: Any) -> None:
    """No value of any kind raises anything else, or a page of text."""
    try:
        READERS[name](value)
    except ValueError as error:
        assert len(str(error)) < 600  # noqa: PT017 either way is fine


def test_one_value_a_list_or_a_range() -> None:
    """A list of one is an axis; a plain value is none, in quotes or not."""
    assert read_values("steps", 20) == Axis([20], several=False)
    assert read_values("steps", "20") == Axis([20], several=False)
    assert read_values("steps", [20]) == Axis([20])
    assert read_values("steps", "10-30:10") == Axis(range(10, 31, 10))
    assert read_values("seed", "1,3,9").values == [1, 3, 9]
    assert read_values("prompt", "1-8") == Axis(["1-8"], several=False)
    assert read_values("size", ["64x64", "8x16"]).values == [(64, 64), (8, 16)]


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("steps", "10-200", "from 1 to 150, and 200 is not"),
        ("steps", "0-5", "from 1 to 150, and 0 is not"),
        ("steps", "5,500", "500 is not"),
        ("steps", [], "empty axis"),
        ("steps", "8-4", "is empty"),
        ("steps", "", "must be whole numbers"),
    ],
)
def test_ranges_hold_to_the_field_too(name: str, value: Any, said: str) -> None:
    """Both ends of a range are values of the field."""
    with pytest.raises(ValueError, match=said):
        read_values(name, value)


def test_a_wrong_item_says_which() -> None:
    """So that the error can name its line."""
    with pytest.raises(WrongItemError) as caught:
        read_values("steps", [10, 20, "x"])
    assert caught.value.index == 2


def test_labels() -> None:
    """A number may be somebody's key; whatever JSON holds may be meta."""
    assert (label("a"), label(7)) == ("a", "7")
    assert meta({"a": [1, {"b": None}]}) == {"a": [1, {"b": None}]}
    wrong: tuple[Any, ...] = ([], "x", {"a": math.nan}, {"a": "\ud800"})
    for value in wrong:
        with pytest.raises(ValueError, match=r"mapping|JSON"):
            meta(value)
    with pytest.raises(ValueError, match="text"):
        label(1.5)


def test_every_name_of_the_steps() -> None:
    """What other programs call them."""
    steps = {name for name, field in ALIASES.items() if field == "steps"}
    assert steps == {"num_inference_steps", "inference_steps", "sample_steps", "quality_steps"}
    assert set(ALIASES.values()) <= set(READERS)
    assert not set(ALIASES) & set(READERS)


@given(st.integers(0, MAX_SEED))
def test_every_seed_a_generator_takes_is_taken(seed: int) -> None:
    """As a number and as text, and a range may start and end with it."""
    assert READERS["seed"](seed) == READERS["seed"](str(seed)) == seed
    assert list(read_values("seed", f"{seed}-{seed}").values) == [seed]


@given(st.integers(1, 2048), st.integers(1, 2048))
def test_every_size_of_eights_is_taken(width: int, height: int) -> None:
    """And no other."""
    assert READERS["size"](f"{8 * width}x{8 * height}") == (8 * width, 8 * height)
    with pytest.raises(
        ValueError, match=f"such as {8 * width} or {8 * width + 8}, not {8 * width + 3}|from 8 to 16384"
    ):
        READERS["size"](f"{8 * width + 3}x{8 * height}")


@pytest.mark.parametrize(
    ("name", "value", "hint"),
    [
        ("scheduler", "euler,heun", "write [euler, heun]"),
        ("scheduler", "Euler a, DDIM", "write [Euler a, DDIM]"),
        ("size", "64x64, 128x64", "write [64x64, 128x64]"),
        ("guidance_scale", "3,5.5", "write [3, 5.5]"),
        ("scheduler", "euler,hein", None),
        ("guidance_scale", "many", None),
    ],
)
def test_several_values_in_one_text_are_told_how_to_be_a_list(name: str, value: str, hint: str | None) -> None:
    """Where each of them would do."""
    with pytest.raises(ValueError, match=r"is not|is no scheduler") as caught:
        read_values(name, value)
    assert hint in str(caught.value) if hint else "write [" not in str(caught.value)


@pytest.mark.parametrize(("value", "told"), [(200, True), ("0", True), ("many", False), (1.5, False)])
def test_the_bounds_of_steps_are_absolute(value: object, told: bool) -> None:  # noqa: FBT001 a case
    """No policy moves steps from outside to inside; who wrote no number has another problem."""
    with pytest.raises(ValueError, match="from 1 to 150") as caught:
        READERS["steps"](value)
    assert ("No run.step_policy changes that" in str(caught.value)) is told


def test_a_text_has_a_most_characters() -> None:
    """A longer one is a file by mistake."""
    assert len(READERS["prompt"]("x" * 100_000)) == 100_000
    with pytest.raises(ValueError, match="has 100,001 characters, and 100,000 are the most of one text"):
        READERS["prompt"]("x" * 100_001)
