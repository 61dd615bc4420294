import pytest
from diffusers import DiffusionPipeline

from workers.models.shapes import PATH
from workers.models.shapes.evaluate import load


@pytest.fixture(scope="session")
def pipeline() -> DiffusionPipeline:
    """The built-in model, loaded once."""
    return load(PATH)
