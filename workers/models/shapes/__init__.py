"""`builtin:shapes`: a tiny text-to-image model in the folder format of a `StableDiffusionPipeline`."""

from pathlib import Path

#: The model folder: pass it to `DiffusionPipeline.from_pretrained`.
PATH = Path(__file__).parent
