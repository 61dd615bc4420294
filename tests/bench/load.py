"""What the bench renders: the same pictures through the farm and through the loop a person would write."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

PROMPTS = tuple(
    f"a large {colour} {shape} on a {ground} background"
    for colour, shape, ground in (
        ("red", "circle", "white"),
        ("yellow", "star", "blue"),
        ("green", "diamond", "black"),
        ("purple", "heart", "yellow"),
        ("orange", "square", "gray"),
        ("cyan", "ring", "white"),
        ("blue", "triangle", "red"),
        ("white", "circle", "green"),
    )
)


@dataclass(frozen=True, slots=True)
class Load:
    """A product of prompts and seeds on the built-in model.

    Args:
        seeds: seeds per prompt.
        steps: of every picture.
        size: pixels on each side.
        batch: pictures per call.
        range: pictures per range.
    """

    seeds: int = 12
    steps: int = 8
    size: int = 128
    batch: int = 8
    range: int = 32

    @property
    def images(self) -> int:
        """How many pictures it is."""
        return len(PROMPTS) * self.seeds

    def __str__(self) -> str:
        return f"{self.images} images of {self.size}x{self.size} px, {self.steps} steps, batches of {self.batch}"

    def batches(self) -> Iterator[list[tuple[str, int]]]:
        """Prompts and seeds, batch by batch."""
        tasks = [(prompt, seed) for prompt in PROMPTS for seed in range(1, self.seeds + 1)]
        for first in range(0, len(tasks), self.batch):
            yield tasks[first : first + self.batch]

    def manifest(self, name: str) -> dict[str, Any]:
        """The job that makes it."""
        return {
            "name": name,
            "render": {
                "model": "builtin:shapes",
                "prompt": list(PROMPTS),
                "seed": f"1-{self.seeds}",
                "steps": self.steps,
                "size": f"{self.size}x{self.size}",
            },
            "run": {"batch": self.batch, "range": self.range, "step_policy": "warn"},
        }
