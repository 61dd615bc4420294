"""The loop a person would write: load a pipeline once, call it batch by batch, save every picture as PNG to a folder.

    python -m tests.bench.bare '{"images": …}'

Loads first and then renders once per line of its input, so that it stays warm between the farm's turns; each line is
answered by one of JSON: wall and processor seconds.
"""

import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from tests.bench.load import Load


def load() -> Any:
    """The built-in model as diffusers loads it, in the number format that the farm uses on a processor."""
    import torch
    from diffusers import DiffusionPipeline

    folder = Path(__file__).parents[2] / "workers" / "models" / "shapes"
    pipe = DiffusionPipeline.from_pretrained(folder, torch_dtype=torch.float32, use_safetensors=True)
    pipe.set_progress_bar_config(disable=True)
    return pipe


def render(pipe: Any, wanted: Load, folder: Path) -> int:
    """Make every picture; how many there are."""
    import torch

    count = 0
    for batch in wanted.batches():
        images = pipe(
            [prompt for prompt, _ in batch],
            num_inference_steps=wanted.steps,
            width=wanted.size,
            height=wanted.size,
            generator=[torch.Generator("cpu").manual_seed(seed) for _, seed in batch],
        ).images
        for image in images:
            image.save(folder / f"{count:06}.png")
            count += 1
    return count


def main() -> None:
    """Load, say so, and render once per line of input."""
    wanted = Load(**json.loads(sys.argv[1]))
    pipe = load()
    print(json.dumps({"ready": True}), flush=True)
    for _ in sys.stdin:
        with tempfile.TemporaryDirectory() as folder:
            began, cpu = time.perf_counter(), time.process_time()
            count = render(pipe, wanted, Path(folder))
            seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
        print(json.dumps({"images": count, "seconds": seconds, "cpu": cpu}), flush=True)


if __name__ == "__main__":
    main()
