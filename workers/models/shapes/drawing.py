"""Drawings of one shaded object on a plain background, and the captions that name them."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

Floats = NDArray[np.floating[Any]]
Colour = tuple[int, int, int]
Points = list[tuple[float, float]]

#: Pixels on a side.
SIZE = 64
#: Drawn this many times larger and averaged down, for smooth edges.
SUPERSAMPLING = 3

SHAPES = ("circle", "square", "triangle", "star", "ring", "cross", "heart", "diamond")
COLOURS: dict[str, Colour] = {
    "red": (216, 32, 36),
    "orange": (245, 130, 20),
    "yellow": (248, 214, 30),
    "green": (30, 160, 60),
    "cyan": (40, 200, 215),
    "blue": (35, 70, 220),
    "purple": (128, 45, 185),
    "pink": (246, 120, 185),
}
BACKGROUNDS: dict[str, Colour] = {
    "white": (240, 240, 238),
    "black": (26, 26, 30),
    "gray": (140, 140, 142),
    "blue": (98, 142, 216),
    "green": (118, 186, 128),
    "yellow": (250, 233, 146),
}
#: Pixels. Small objects are no smaller than this, or the 16x16 latents lose the points of a star.
RADII = {"small": (13.0, 14.5), "large": (19.5, 23.0)}
#: Pixels between an object and the edge of the picture.
MARGIN = 3.0
#: Pixels an object may stray from the middle.
STRAY = 8.0
#: How often a caption names the size and the background, the size, the background, or neither.
CAPTION_WEIGHTS = (0.7, 0.1, 0.1, 0.1)


@dataclass(frozen=True, slots=True)
class Scene:
    """What a drawing shows: the words of its caption, and a place in pixels."""

    shape: str
    colour: str
    background: str
    size: str
    x: float = SIZE / 2
    y: float = SIZE / 2
    radius: float = 21.0

    def captions(self) -> tuple[str, str, str, str]:
        """Four true captions, in the order of `CAPTION_WEIGHTS`."""
        thing, place = f"{self.colour} {self.shape}", f" on a {self.background} background"
        article = "an" if self.colour == "orange" else "a"
        sized, plain = f"a {self.size} {thing}", f"{article} {thing}"
        return sized + place, sized, plain + place, plain


def random_scene(random: Random) -> Scene:
    """A scene whose object and background have different colour names."""
    colour = random.choice(list(COLOURS))
    size = random.choice(list(RADII))
    radius = random.uniform(*RADII[size])
    stray = min(STRAY, SIZE / 2 - MARGIN - radius * 1.1)
    return Scene(
        shape=random.choice(SHAPES),
        colour=colour,
        background=random.choice([name for name in BACKGROUNDS if name != colour]),
        size=size,
        x=SIZE / 2 + random.uniform(-stray, stray),
        y=SIZE / 2 + random.uniform(-stray, stray),
        radius=radius,
    )


def draw(scene: Scene) -> Image.Image:
    """The scene as a 64x64 RGB picture: a lit object with a highlight and a soft shadow."""
    side = SIZE * SUPERSAMPLING
    mask = object_mask(scene)
    across, down = _grid(scene)
    shadow = _blurred_shadow(mask)
    background = _tinted(
        BACKGROUNDS[scene.background], 1.04 - 0.08 * np.linspace(0, 1, side, dtype=np.float32)[:, None]
    )
    background = background * (1 - 0.35 * shadow[..., None])
    lit = _tinted(COLOURS[scene.colour], 0.98 - 0.13 * (across + down) / 2)
    glint = 0.4 * np.exp(-((across + 0.35) ** 2 + (down + 0.4) ** 2) / 0.06)[..., None]
    lit = lit + (255 - lit) * glint
    pixels = background + (lit - background) * mask[..., None]
    picture = Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))
    return picture.resize((SIZE, SIZE), Image.Resampling.BOX)


def object_mask(scene: Scene) -> Floats:
    """Where the object is, 1 inside and 0 outside, supersampled (192x192)."""
    side = SIZE * SUPERSAMPLING
    canvas = Image.new("L", (side, side))
    pen = ImageDraw.Draw(canvas)
    pen.polygon(_placed(outline(scene.shape), scene), fill=255)
    if scene.shape == "ring":
        pen.polygon(_placed(_circle(0.52), scene), fill=0)
    return np.asarray(canvas, dtype=np.float32) / 255


def outline(shape: str) -> Points:
    """The corners of a shape of radius about 1 around the origin, y pointing down."""
    match shape:
        case "circle" | "ring":
            return _circle(1.0)
        case "heart":
            return [_heart(2 * math.pi * step / 72) for step in range(72)]
        case "star":
            return [_polar(1.12 if corner % 2 == 0 else 0.48, 36 * corner) for corner in range(10)]
        case _:
            return list(_CORNERS[shape])


_CORNERS: dict[str, Sequence[tuple[float, float]]] = {
    "square": [(-0.87, -0.87), (0.87, -0.87), (0.87, 0.87), (-0.87, 0.87)],
    "triangle": [(0, -0.98), (1.06, 0.84), (-1.06, 0.84)],
    "diamond": [(0, -1.12), (0.8, 0), (0, 1.12), (-0.8, 0)],
    "cross": [
        *[(-0.36, -1.0), (0.36, -1.0), (0.36, -0.36), (1.0, -0.36), (1.0, 0.36), (0.36, 0.36)],
        *[(0.36, 1.0), (-0.36, 1.0), (-0.36, 0.36), (-1.0, 0.36), (-1.0, -0.36), (-0.36, -0.36)],
    ],
}


def _polar(radius: float, degrees: float) -> tuple[float, float]:
    angle = math.radians(degrees)
    return radius * math.sin(angle), -radius * math.cos(angle)


def _circle(radius: float) -> Points:
    return [_polar(radius, 5 * step) for step in range(72)]


def _heart(angle: float) -> tuple[float, float]:
    """The classic heart curve: https://mathworld.wolfram.com/HeartCurve.html."""
    across = 16 * math.sin(angle) ** 3
    up = 13 * math.cos(angle) - 5 * math.cos(2 * angle) - 2 * math.cos(3 * angle) - math.cos(4 * angle)
    return across / 15.5, -(up + 2.5) / 15.5


def _placed(points: Points, scene: Scene) -> Points:
    return [
        ((scene.x + scene.radius * across) * SUPERSAMPLING, (scene.y + scene.radius * down) * SUPERSAMPLING)
        for across, down in points
    ]


def _grid(scene: Scene) -> tuple[Floats, Floats]:
    """Coordinates of every supersampled pixel in radii from the middle of the object."""
    line = (np.arange(SIZE * SUPERSAMPLING, dtype=np.float32) + 0.5) / SUPERSAMPLING
    return ((line - scene.x) / scene.radius)[None, :], ((line - scene.y) / scene.radius)[:, None]


def _blurred_shadow(mask: Floats) -> Floats:
    moved = np.roll(mask, (3 * SUPERSAMPLING, 2 * SUPERSAMPLING), axis=(0, 1))
    blurred = Image.fromarray((moved * 255).astype(np.uint8)).filter(ImageFilter.GaussianBlur(2 * SUPERSAMPLING))
    return np.asarray(blurred, dtype=np.float32) / 255


def _tinted(colour: Colour, light: Floats) -> Floats:
    """A colour under a light given per pixel, as (rows, columns or 1, 3)."""
    return np.asarray(colour, dtype=np.float32) * light[..., None]
