"""Name the object, its colour and the background of a picture, without the model's help."""

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from skimage.color import rgb2lab
from skimage.measure import label
from skimage.morphology import erosion

from workers.models.shapes.drawing import (
    BACKGROUNDS,
    COLOURS,
    RADII,
    SHAPES,
    SUPERSAMPLING,
    Colour,
    Floats,
    Scene,
    object_mask,
)

Mask = NDArray[np.bool_]

#: Pixels at the rim that hold background only.
RIM = 3
#: A shadow leaves at least this much of the background's light.
DARKEST_SHADOW = 0.6
#: An object covers at least this share of the picture; its most distinct pixels say how distinct it is.
SURELY_OBJECT = 0.03
#: Pixels on a side of the square that masks are compared in.
GRID = 32


@dataclass(frozen=True, slots=True)
class Sighting:
    """What a picture shows, in the words of the captions."""

    shape: str
    colour: str
    background: str


def detect(picture: Image.Image) -> Sighting:
    """The nearest known shape, colour and background."""
    pixels = np.asarray(picture.convert("RGB"), dtype=np.float32)
    ground = _background(pixels)
    mask = find_object(pixels, ground)
    inside = erosion(mask)
    colour = np.median(pixels[inside if inside.any() else mask], axis=0)
    return Sighting(
        shape=nearest_shape(mask),
        colour=nearest_colour(colour, COLOURS),
        background=nearest_colour(ground, BACKGROUNDS),
    )


def find_object(pixels: Floats, ground: Floats) -> Mask:
    """Where pixels (rows, columns, 3) differ from the background in more than brightness: its largest piece."""
    light = np.clip(pixels @ ground / (ground @ ground), DARKEST_SHADOW, 1.1)
    distance = np.linalg.norm(pixels - light[..., None] * ground, axis=-1)
    distinct = np.quantile(distance, 1 - SURELY_OBJECT / 2)
    pieces = label(distance > distinct / 2)
    sizes = np.bincount(pieces.ravel())
    largest: Mask = pieces == 1 + int(np.argmax(sizes[1:]))
    return largest


def nearest_shape(mask: Mask) -> str:
    """The shape whose own mask, at any size, overlaps best once both fill the same square."""
    seen = _squared(mask.astype(np.float32))
    return max(_templates(), key=lambda template: _overlap(seen, template[1]))[0]


def nearest_colour(colour: Floats, palette: dict[str, Colour]) -> str:
    """The palette's name nearest to an RGB colour in L*a*b*, lightness counted half: light falls unevenly."""
    names = list(palette)
    lab = rgb2lab(np.array([colour, *palette.values()])[None] / 255)[0] * (0.5, 1, 1)
    return names[int(np.argmin(np.linalg.norm(lab[1:] - lab[0], axis=-1)))]


def _background(pixels: Floats) -> Floats:
    rim = np.ones(pixels.shape[:2], dtype=bool)
    rim[RIM:-RIM, RIM:-RIM] = False
    middle: Floats = np.median(pixels[rim], axis=0)
    return middle


@cache
def _templates() -> list[tuple[str, Floats]]:
    scenes = [Scene(shape, "red", "white", size, radius=RADII[size][0]) for shape in SHAPES for size in RADII]
    step = slice(SUPERSAMPLING // 2, None, SUPERSAMPLING)
    return [(scene.shape, _squared(object_mask(scene)[step, step])) for scene in scenes]


def _squared(mask: Floats) -> Floats:
    """The mask's bounding box, stretched to `GRID` x `GRID`."""
    rows, columns = np.nonzero(mask)
    box = mask[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
    picture = Image.fromarray((box * 255).astype(np.uint8))
    return np.asarray(picture.resize((GRID, GRID), Image.Resampling.BILINEAR), dtype=np.float32) / 255


def _overlap(left: Floats, right: Floats) -> float:
    return float(np.minimum(left, right).sum() / np.maximum(left, right).sum())
