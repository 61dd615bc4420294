"""Write the model folder, so that a reader never meets half of one."""

import copy
import shutil
import tempfile
from pathlib import Path

import torch
from diffusers import StableDiffusionPipeline


def export(pipeline: StableDiffusionPipeline, folder: Path) -> None:
    """Save the pipeline as float16 into `folder`, each file replaced in one move; the given weights are not changed."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".export-") as name:
        draft = Path(name)
        half(pipeline).save_pretrained(draft, safe_serialization=True)
        for file in sorted(path for path in draft.rglob("*") if path.is_file()):
            place = folder / file.relative_to(draft)
            place.parent.mkdir(exist_ok=True)
            shutil.copymode(__file__, file)
            file.replace(place)


def half(pipeline: StableDiffusionPipeline) -> StableDiffusionPipeline:
    """A float16 copy of the pipeline."""
    parts = {name: copy.deepcopy(part) for name, part in pipeline.components.items()}
    for part in parts.values():
        if isinstance(part, torch.nn.Module):
            part.to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]  # torch's stub forgets it
            part.half()
    return StableDiffusionPipeline(**parts, requires_safety_checker=False)
