import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from farm.errors import ManifestError
from farm.manifest.model import load
from farm.manifest.output import EXTENSIONS, Output, settle
from farm.manifest.place import Place
from farm.plan.names import NamePattern
from farm.plan.plan import make_plan


def output(**section: Any) -> Output:
    """The section of a manifest that holds only this."""
    return load({"render": {"model": "builtin:shapes", "prompt": "a red circle"}, "output": section}).output


@pytest.mark.parametrize(
    ("section", "name", "quality"),
    [
        ({}, "{index:06}-{seed}-{steps}.png", None),
        ({"format": "png"}, "{index:06}-{seed}-{steps}.png", None),
        ({"format": "jpeg"}, "{index:06}-{seed}-{steps}.jpg", 92),
        ({"format": "jpg", "quality": 80}, "{index:06}-{seed}-{steps}.jpg", 80),
        ({"format": "webp"}, "{index:06}-{seed}-{steps}.webp", 90),
        ({"format": "webp", "quality": "lossless"}, "{index:06}-{seed}-{steps}.webp", "lossless"),
    ],
)
def test_name_and_quality_follow_the_format(section: dict[str, Any], name: str, quality: object) -> None:
    """What nobody said is settled at once, so that a later default does not change a job."""
    found = output(**section)
    assert (found.name, found.quality) == (name, quality)


@pytest.mark.parametrize(
    ("section", "said"),
    [
        ({"format": "png", "quality": 90}, "has no meaning for png"),
        ({"format": "jpeg", "quality": 0}, "must be a whole number from 1 to 100, and 0 is not"),
        ({"format": "jpeg", "quality": 101}, "from 1 to 100, and 101 is not"),
        ({"format": "jpeg", "quality": True}, "from 1 to 100"),
        ({"format": "jpeg", "quality": 92.5}, "from 1 to 100"),
        ({"format": "jpeg", "quality": "best"}, "from 1 to 100, and 'best' is not"),
        ({"format": "jpeg", "quality": "lossless"}, "always loses a little: take webp or png"),
        ({"format": "webp", "quality": "best"}, "from 1 to 100 or lossless, and 'best' is not"),
    ],
)
def test_a_quality_that_the_format_cannot_have_is_refused(section: dict[str, Any], said: str) -> None:
    """With the field, and what to do."""
    with pytest.raises(ManifestError, match=re.escape(said)) as caught:
        output(**section)
    assert caught.value.field == "output.quality"


@pytest.mark.parametrize(
    ("kind", "name", "made"),
    [
        ("jpeg", "{index}", "x.jpg"),
        ("jpeg", "{index}.jpeg", "x.jpeg"),
        ("jpeg", "{index}.JPG", "x.JPG"),
        ("webp", "a/{index}", "a/x.webp"),
        ("png", "{index}.png", "x.png"),
    ],
)
def test_the_extension_follows_the_format(kind: str, name: str, made: str) -> None:
    """Added where it is missing, left where it fits."""
    pattern = NamePattern.parse(name, extensions=EXTENSIONS[kind])
    assert "".join(part.literal + ("x" if part.field else "") for part in pattern.parts) == made


@pytest.mark.parametrize(("kind", "name"), [("jpeg", "{index}.png"), ("webp", "{index}.jpg"), ("png", "{index}.webp")])
def test_an_extension_of_another_format_is_refused(kind: str, name: str) -> None:
    """A picture that is not what it is called confuses every program."""
    manifest = {"render": {"model": "builtin:shapes", "prompt": "a"}, "output": {"format": kind, "name": name}}
    with pytest.raises(ManifestError, match=r"output\.name: .* ends in .*, and the pictures' ending is \."):
        make_plan(load(manifest))


def test_png_manifests_keep_their_job() -> None:
    """The hashed document has no word about quality where there is none, as before there was the field."""
    assert output(name="{index}").document() == {"format": "png", "name": "{index}", "prompt_metadata": True}


def job_id(run: dict[str, Any] | None = None, **section: Any) -> str:
    """The id of a job with this output."""
    render = {"model": "builtin:shapes", "prompt": "a red circle"}
    return make_plan(load({"render": render, "output": section, "run": run or {}})).job_id


def test_quality_is_identity_and_keeping_is_not() -> None:
    """Other pictures are another job; how long they are kept may change."""
    assert job_id(format="jpeg") == job_id(format="jpg", quality=92)
    assert len({job_id(), job_id(format="jpeg"), job_id(format="jpeg", quality=91), job_id(format="webp")}) == 4
    assert job_id() == job_id({"keep_days": 3})


@given(
    st.sampled_from(["jpeg", "jpg", "webp"]),
    st.none() | st.integers(-5, 105) | st.text(max_size=9) | st.just("lossless"),
)
def test_what_settled_settles_again_to_itself(kind: str, quality: object) -> None:
    """Nothing but a sentence comes of a wrong value."""
    try:
        settled = settle({"format": kind, "quality": quality}, Place())
    except ManifestError:
        assert quality == "lossless" or not isinstance(quality, int) or not 1 <= quality <= 100
    else:
        assert settle(settled, Place()) == settled
