import json

import numpy as np
import pytest
import torch
from diffusers import DDIMScheduler, DiffusionPipeline, EulerAncestralDiscreteScheduler, EulerDiscreteScheduler

from workers.models.shapes import PATH

#: diffusers hands a tensor to numpy in a way that torch 2.13 and numpy 2.4 disagree about.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


def test_folder_is_small() -> None:
    """The model, with its source, takes less than 8 MB."""
    assert sum(file.stat().st_size for file in PATH.rglob("*") if "__pycache__" not in file.parts) < 8e6


def test_weights_carry_no_variant_in_their_names() -> None:
    """The files have the names that a loader without options looks for."""
    assert sorted(str(file.relative_to(PATH)) for file in PATH.rglob("*.safetensors")) == [
        "text_encoder/model.safetensors",
        "unet/diffusion_pytorch_model.safetensors",
        "vae/diffusion_pytorch_model.safetensors",
    ]


def test_no_safety_checker_and_no_feature_extractor() -> None:
    """Nothing but the five parts that draw is named in the index."""
    index = json.loads((PATH / "model_index.json").read_text())
    parts = {name for name, value in index.items() if isinstance(value, list) and value[0]}
    assert index["_class_name"] == "StableDiffusionPipeline"
    assert parts == {"scheduler", "text_encoder", "tokenizer", "unet", "vae"}


def test_loads_as_any_pipeline() -> None:
    """The folder loads without options, as a stranger would load it, and makes 64x64 pictures."""
    pipeline = DiffusionPipeline.from_pretrained(PATH, use_safetensors=True)
    assert type(pipeline).__name__ == "StableDiffusionPipeline"
    assert pipeline.unet.config.sample_size * pipeline.vae_scale_factor == 64


def test_four_steps_give_a_picture(pipeline: DiffusionPipeline) -> None:
    """A picture after four steps has the right shape and no NaN."""
    images = pipeline(["a large red circle on a blue background"] * 2, num_inference_steps=4, output_type="np").images
    assert images.shape == (2, 64, 64, 3)
    assert np.isfinite(images).all()


@pytest.mark.parametrize("kind", [DDIMScheduler, EulerDiscreteScheduler, EulerAncestralDiscreteScheduler])
def test_other_schedulers_take_its_settings(pipeline: DiffusionPipeline, kind: type) -> None:
    """Schedulers made from the shipped settings predict velocities and do not clip."""
    scheduler = kind.from_config(pipeline.scheduler.config)  # type: ignore[attr-defined]
    assert scheduler.config.prediction_type == "v_prediction"
    assert scheduler.config.timestep_spacing == "trailing"
    assert not getattr(scheduler.config, "clip_sample", False)


def test_same_seed_same_picture(pipeline: DiffusionPipeline) -> None:
    """A seed decides the picture."""
    first, second = (
        pipeline(
            "a red star", num_inference_steps=2, generator=torch.Generator().manual_seed(4), output_type="np"
        ).images
        for _ in range(2)
    )
    assert np.array_equal(first, second)
