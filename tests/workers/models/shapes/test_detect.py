from random import Random

import numpy as np
import pytest
from PIL import ImageFilter

from workers.models.shapes.detect import Sighting, detect, find_object, nearest_colour
from workers.models.shapes.drawing import BACKGROUNDS, COLOURS, SHAPES, Scene, draw, random_scene


def test_detector_is_right_on_true_drawings() -> None:
    """Shape, colour and background are named right on at least 98 % of random drawings."""
    random = Random(21)
    scenes = [random_scene(random) for _ in range(300)]
    truth = [Sighting(scene.shape, scene.colour, scene.background) for scene in scenes]
    right = [detect(draw(scene)) == true for scene, true in zip(scenes, truth, strict=True)]
    assert np.mean(right) >= 0.98


@pytest.mark.parametrize("shape", SHAPES)
def test_blur_does_not_mislead(shape: str) -> None:
    """A large object is still named when the picture is a little soft, as decoded latents are."""
    picture = draw(Scene(shape, "purple", "gray", "large")).filter(ImageFilter.GaussianBlur(1))
    assert detect(picture) == Sighting(shape, "purple", "gray")


def test_shadow_is_background() -> None:
    """What is only darker than the background does not count as object."""
    pixels = np.full((64, 64, 3), 200, dtype=np.float32)
    pixels[20:40, 20:40] = (220, 30, 30)
    pixels[40:44, 22:42] = 150
    mask = find_object(pixels, pixels[0, 0])
    assert mask[20:40, 20:40].all()
    assert mask.sum() == 400


def test_only_the_largest_piece_counts() -> None:
    """A stray blot beside the object is left out."""
    pixels = np.full((64, 64, 3), 30, dtype=np.float32)
    pixels[10:30, 10:30] = (40, 200, 220)
    pixels[50:53, 50:53] = (40, 200, 220)
    assert find_object(pixels, pixels[0, 0]).sum() == 400


@pytest.mark.parametrize("palette", [COLOURS, BACKGROUNDS])
def test_each_colour_is_nearest_to_itself(palette: dict[str, tuple[int, int, int]]) -> None:
    """Every colour of a palette, lit a tenth darker, goes by its own name."""
    for name, colour in palette.items():
        assert nearest_colour(np.array(colour, dtype=np.float32) * 0.9, palette) == name


def test_blank_picture_is_no_crash() -> None:
    """A picture without an object still gets an answer, if a meaningless one."""
    picture = draw(Scene("circle", "red", "white", "small")).crop((0, 0, 8, 8)).resize((64, 64))
    assert detect(picture).background == "white"
