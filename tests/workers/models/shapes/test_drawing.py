from random import Random

import numpy as np
import pytest
from PIL import ImageChops

from workers.models.shapes.drawing import (
    BACKGROUNDS,
    COLOURS,
    MARGIN,
    RADII,
    SHAPES,
    SIZE,
    SUPERSAMPLING,
    Scene,
    draw,
    object_mask,
    outline,
    random_scene,
)


@pytest.fixture
def scenes() -> list[Scene]:
    """A few hundred random scenes."""
    random = Random(3)
    return [random_scene(random) for _ in range(300)]


def test_captions_name_less_and_less() -> None:
    """A caption names everything, or leaves out the background, the size, or both."""
    assert Scene("circle", "red", "blue", "large").captions() == (
        "a large red circle on a blue background",
        "a large red circle",
        "a red circle on a blue background",
        "a red circle",
    )


def test_caption_without_size_takes_the_right_article() -> None:
    """An orange star is "an orange star", and a small orange star "a small orange star"."""
    full, sized, plain, bare = Scene("star", "orange", "gray", "small").captions()
    assert bare == "an orange star"
    assert plain == "an orange star on a gray background"
    assert sized == "a small orange star"
    assert full.startswith("a small orange star")


def test_random_scenes_show_every_word(scenes: list[Scene]) -> None:
    """A few hundred scenes hold each shape, colour, background and size."""
    assert {scene.shape for scene in scenes} == set(SHAPES)
    assert {scene.colour for scene in scenes} == set(COLOURS)
    assert {scene.background for scene in scenes} == set(BACKGROUNDS)
    assert {scene.size for scene in scenes} == set(RADII)


def test_object_never_has_the_name_of_its_background(scenes: list[Scene]) -> None:
    """No blue circle is drawn on blue."""
    assert all(scene.colour != scene.background for scene in scenes)


def test_object_stays_inside_the_picture(scenes: list[Scene]) -> None:
    """No object comes nearer to the edge than two pixels."""
    rim = int((MARGIN - 1) * SUPERSAMPLING)
    for scene in scenes[:60]:
        mask = object_mask(scene)
        assert mask.sum() == mask[rim:-rim, rim:-rim].sum(), scene


def test_same_chance_draws_the_same() -> None:
    """A seed decides the scene, and the scene every pixel."""
    first, second = (draw(random_scene(Random(11))) for _ in range(2))
    assert ImageChops.difference(first, second).getbbox() is None


@pytest.mark.parametrize("shape", SHAPES)
def test_picture_is_small_and_rgb(shape: str) -> None:
    """Each shape is drawn as a 64x64 RGB picture."""
    picture = draw(Scene(shape, "red", "white", "large"))
    assert (picture.size, picture.mode) == ((SIZE, SIZE), "RGB")


@pytest.mark.parametrize("shape", SHAPES)
def test_shapes_are_about_as_big_as_their_radius(shape: str) -> None:
    """No corner of an outline lies far outside the unit circle, and none of them is tiny."""
    reach = np.linalg.norm(np.array(outline(shape)), axis=1).max()
    assert 0.95 < reach < 1.4


@pytest.mark.parametrize("colour", COLOURS)
def test_object_has_its_colour(colour: str) -> None:
    """The middle of an object is within a shade of the palette."""
    pixel = np.array(draw(Scene("square", colour, "black", "large")).getpixel((40, 40)))
    assert np.abs(pixel - COLOURS[colour]).max() < 45


@pytest.mark.parametrize("background", BACKGROUNDS)
def test_corner_has_the_background(background: str) -> None:
    """The corners hold the background, give or take its light."""
    pixel = np.array(draw(Scene("circle", "red", background, "small")).getpixel((2, 2)))
    assert np.abs(pixel - BACKGROUNDS[background]).max() < 14


def test_ring_has_a_hole() -> None:
    """A ring is a circle whose middle is empty."""
    ring, circle = (object_mask(Scene(shape, "red", "white", "large")) for shape in ("ring", "circle"))
    middle = SIZE * SUPERSAMPLING // 2
    assert ring[middle, middle] == 0
    assert circle[middle, middle] == 1


def test_large_covers_more_than_small() -> None:
    """Size is a matter of area: even the smallest large object has more than the largest small one."""
    small = Scene("circle", "red", "white", "small", radius=RADII["small"][1])
    large = Scene("circle", "red", "white", "large", radius=RADII["large"][0])
    assert object_mask(large).sum() > 1.5 * object_mask(small).sum()
