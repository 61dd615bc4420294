"""Say how good the model is: `python -m workers.models.shapes.evaluate [--folder DIR] [--sheet FILE.png]`.

Prints how often 64 pictures show the colour, background and shape they were asked for, how often the detector that
judges them is right on true drawings, and how like its 100-step self a picture is after fewer steps.
"""

import argparse
import itertools
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

import numpy as np
import torch
from diffusers import DiffusionPipeline
from PIL import Image
from skimage.metrics import structural_similarity

from workers.models.shapes import PATH
from workers.models.shapes.detect import detect
from workers.models.shapes.drawing import BACKGROUNDS, COLOURS, RADII, SHAPES, SIZE, Scene, draw, random_scene

STEPS = 20
#: diffusers' own default, which is what a prompt without settings gets.
GUIDANCE = 7.5
#: Steps whose pictures are compared with those after `FINISHED` steps.
LADDER = (2, 4, 8, 12, 20, 30)
FINISHED = 100
#: One prompt in so many is compared: as 3 does not divide 8, every shape is among them.
COMPARED_EVERY = 3
BATCH = 16
TRUE_DRAWINGS = 1000
COLUMNS = 8
GAP = 4


@dataclass(frozen=True, slots=True)
class Accuracy:
    """Shares, 0 to 1, of pictures that show what was asked for."""

    colour: float
    background: float
    shape: float

    def __str__(self) -> str:
        """The three as percentages."""
        return f"colour {self.colour:.1%}, background {self.background:.1%}, shape {self.shape:.1%}"


def main() -> None:
    """Read the command line, measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=PATH, help="the model folder (the built-in one)")
    parser.add_argument("--sheet", type=Path, help="write the 64 pictures here, a row for each colour")
    parser.add_argument("--guidance", type=float, default=GUIDANCE)
    arguments = parser.parse_args()
    pipeline, scenes = load(arguments.folder), prompts()
    pictures = render(pipeline, scenes, steps=STEPS, guidance=arguments.guidance)
    if arguments.sheet:
        contact_sheet(pictures).save(arguments.sheet)
    likeness = likenesses(pipeline, scenes[::COMPARED_EVERY], guidance=arguments.guidance)
    for line in itertools.chain(judgement(scenes, pictures), detector_check(), likeness):
        sys.stdout.write(f"{line}\n")


def load(folder: Path) -> DiffusionPipeline:
    """The model in float32, on the CPU."""
    pipeline = DiffusionPipeline.from_pretrained(folder, use_safetensors=True, dtype=torch.float32)
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def prompts() -> list[Scene]:
    """64 scenes: each shape in each colour, with sizes and backgrounds in turn."""
    return [
        Scene(shape, colour, _other(colour, row + column), list(RADII)[(row + column) % 2])
        for row, colour in enumerate(COLOURS)
        for column, shape in enumerate(SHAPES)
    ]


def render(
    pipeline: DiffusionPipeline, scenes: Sequence[Scene], *, steps: int, guidance: float = GUIDANCE
) -> list[Image.Image]:
    """A picture of each scene from its full caption; the seed is its place in the sequence."""
    pictures: list[Image.Image] = []
    for start in range(0, len(scenes), BATCH):
        batch = scenes[start : start + BATCH]
        result = pipeline(
            [scene.captions()[0] for scene in batch],
            num_inference_steps=steps,
            guidance_scale=guidance,
            generator=[torch.Generator().manual_seed(start + offset) for offset in range(len(batch))],
        )
        pictures += result.images
    return pictures


def accuracy(scenes: Sequence[Scene], pictures: Sequence[Image.Image]) -> Accuracy:
    """How often the detector sees in a picture what its scene says."""
    seen = [detect(picture) for picture in pictures]
    return Accuracy(
        colour=float(np.mean([sight.colour == scene.colour for scene, sight in zip(scenes, seen, strict=True)])),
        background=float(
            np.mean([sight.background == scene.background for scene, sight in zip(scenes, seen, strict=True)])
        ),
        shape=float(np.mean([sight.shape == scene.shape for scene, sight in zip(scenes, seen, strict=True)])),
    )


def judgement(scenes: Sequence[Scene], pictures: Sequence[Image.Image]) -> Iterator[str]:
    """The accuracy in a line, and a line for each picture that shows something else."""
    yield f"{len(scenes)} prompts at {STEPS} steps: {accuracy(scenes, pictures)}"
    for scene, picture in zip(scenes, pictures, strict=True):
        seen = detect(picture)
        if (seen.shape, seen.colour, seen.background) != (scene.shape, scene.colour, scene.background):
            yield f"  {scene.captions()[0]}: seen as {seen.colour} {seen.shape} on {seen.background}"


def detector_check(count: int = TRUE_DRAWINGS) -> Iterator[str]:
    """How often the detector is right where the truth is known, in a line."""
    random = Random(1)
    scenes = [random_scene(random) for _ in range(count)]
    yield f"detector on {count} true drawings: {accuracy(scenes, [draw(scene) for scene in scenes])}"


def likenesses(pipeline: DiffusionPipeline, scenes: Sequence[Scene], *, guidance: float = GUIDANCE) -> Iterator[str]:
    """For each count of steps a line with the mean SSIM to the finished pictures of the same seeds."""
    finished = render(pipeline, scenes, steps=FINISHED, guidance=guidance)
    for steps in LADDER:
        pairs = zip(finished, render(pipeline, scenes, steps=steps, guidance=guidance), strict=True)
        mean = np.mean([likeness(left, right) for left, right in pairs])
        yield f"{steps} steps: mean SSIM to {FINISHED} steps {mean:.3f}"


def likeness(left: Image.Image, right: Image.Image) -> float:
    """SSIM of two pictures, 1 where they are the same."""
    return float(structural_similarity(np.asarray(left), np.asarray(right), channel_axis=-1, data_range=255))


def contact_sheet(pictures: Sequence[Image.Image]) -> Image.Image:
    """The pictures in rows of eight."""
    cell = SIZE + GAP
    sheet = Image.new("RGB", (COLUMNS * cell, -(-len(pictures) // COLUMNS) * cell), "white")
    for index, picture in enumerate(pictures):
        sheet.paste(picture, (index % COLUMNS * cell, index // COLUMNS * cell))
    return sheet


def _other(colour: str, turn: int) -> str:
    """A background that is not of that colour."""
    names = [name for name in BACKGROUNDS if name != colour]
    return names[turn % len(names)]


if __name__ == "__main__":
    main()
