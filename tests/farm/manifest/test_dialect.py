"""What columns mean."""

import pytest

from farm.manifest.dialect import OWN, Dialect
from farm.manifest.fields import READERS


@pytest.mark.parametrize(
    ("column", "field"),
    [
        ("prompt", "prompt"),
        ("Prompt", "prompt"),
        ("positive_prompt", "prompt"),
        (" Negative Prompt ", "negative_prompt"),
        ("negative-prompt", "negative_prompt"),
        ("num_inference_steps", "steps"),
        ("STEPS", "steps"),
        ("CFG scale", "guidance_scale"),
        ("cfg", "guidance_scale"),
        ("guidance_scale", "guidance_scale"),
        ("Sampler", "scheduler"),
        ("sampler_name", "scheduler"),
        ("Schedule type", "scheduler"),
        ("Size", "size"),
        ("custom_id", "custom_id"),
        ("image", "image"),
        ("title", None),
        ("combine", None),
    ],
)
def test_what_a_column_means(column: str, field: str | None) -> None:
    """Case, spaces and dashes do not matter; a name nobody knows means nothing."""
    assert OWN.field_of(column) == field


def test_every_field_is_a_column() -> None:
    """Under its own name, whatever else it goes by."""
    assert {OWN.field_of(name) for name in READERS} == set(READERS)
    assert all(OWN.spelled(name) == name for name in READERS)


def test_another_services_names_and_ours() -> None:
    """What a dialect does not name means what it means to us; errors name a field as its file does."""
    dialect = Dialect({"positivePrompt": "prompt"}, {"size": len}, within=lambda column: f"body.{column}")
    assert (dialect.field_of("positivePrompt"), dialect.field_of("steps"), dialect.field_of("x")) == (
        "prompt",
        "steps",
        None,
    )
    assert dialect.spelled("prompt") == "positivePrompt"
    assert dialect.within("steps") == "body.steps"
    assert dialect.reader("size")("four") == 4
    assert dialect.reader("steps")("4") == 4
    assert dialect.reader("custom_id")(7) == "7"
