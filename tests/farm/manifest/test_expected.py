"""What a field takes is said in one way, wherever it stands."""

import pytest

from farm.manifest.expected import expected
from farm.manifest.model import Run
from farm.manifest.output import Output


@pytest.mark.parametrize(
    ("section", "name", "said"),
    [
        (Run, "priority", "a whole number from 0 to 100"),
        (Run, "keep_days", "a whole number from 1 to 36,500"),
        (Run, "min_vram_gb", "a number above 0 and at most 10,000"),
        (Run, "step_policy", "one of warn, strict, clamp"),
        (Output, "prompt_metadata", "true or false"),
        (Output, "name", "text that is not empty"),
    ],
)
def test_every_kind_of_field_has_its_words(section: type[Run | Output], name: str, said: str) -> None:
    """Bounds and choices are those of the model itself."""
    assert expected(section.model_fields[name]) == said


def test_every_field_has_words() -> None:
    """A field that is added later is told in them too."""
    for section in (Run, Output):
        assert all(expected(info) for info in section.model_fields.values())
