import pytest
from diffusers import DiffusionPipeline

from workers.models.shapes.drawing import COLOURS, SHAPES, Scene, draw
from workers.models.shapes.evaluate import (
    accuracy,
    contact_sheet,
    detector_check,
    judgement,
    likeness,
    likenesses,
    prompts,
    render,
)

#: diffusers hands a tensor to numpy in a way that torch 2.13 and numpy 2.4 disagree about.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


def test_prompts_hold_each_shape_in_each_colour() -> None:
    """There are 64 prompts, and no object is asked for on its own colour."""
    scenes = prompts()
    assert {(scene.shape, scene.colour) for scene in scenes} == {
        (shape, colour) for shape in SHAPES for colour in COLOURS
    }
    assert len(scenes) == 64
    assert all(scene.colour != scene.background for scene in scenes)


def test_accuracy_counts_each_word_for_itself() -> None:
    """A wrong colour costs nothing of shape and background."""
    asked = [Scene("star", "red", "white", "large"), Scene("ring", "red", "white", "large")]
    shown = [Scene("star", "blue", "white", "large"), Scene("ring", "red", "black", "large")]
    result = accuracy(asked, [draw(scene) for scene in shown])
    assert (result.colour, result.background, result.shape) == (0.5, 0.5, 1.0)


def test_accuracy_reads_as_percentages() -> None:
    """The printed line names the three figures."""
    scene = Scene("star", "red", "white", "large")
    assert str(accuracy([scene], [draw(scene)])) == "colour 100.0%, background 100.0%, shape 100.0%"


def test_judgement_names_what_went_wrong() -> None:
    """Each picture that shows something else is listed with what it shows."""
    asked, shown = Scene("star", "red", "white", "large"), Scene("ring", "red", "white", "large")
    lines = list(judgement([asked, asked], [draw(asked), draw(shown)]))
    assert "shape 50.0%" in lines[0]
    assert lines[1:] == ["  a large red star on a white background: seen as red ring on white"]


def test_detector_passes_its_own_check() -> None:
    """The printed check of the detector is at 98 % or more."""
    (line,) = detector_check(count=60)
    shares = [float(word.rstrip("%,")) for word in line.split() if "%" in word]
    assert len(shares) == 3
    assert min(shares) >= 98


def test_likeness_is_one_for_itself_only() -> None:
    """A picture is wholly like itself and less like another."""
    star, ring = (draw(Scene(shape, "red", "white", "large")) for shape in ("star", "ring"))
    assert likeness(star, star) == pytest.approx(1)
    assert likeness(star, ring) < 0.9


def test_sheet_has_a_row_for_eight() -> None:
    """Nine pictures take two rows."""
    assert contact_sheet([draw(scene) for scene in prompts()[:9]]).size == (8 * 68, 2 * 68)


def test_pictures_come_in_the_order_of_the_scenes(pipeline: DiffusionPipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    """Batches do not change which seed a picture has."""
    scenes = prompts()[:3]
    whole = render(pipeline, scenes, steps=2)
    monkeypatch.setattr("workers.models.shapes.evaluate.BATCH", 2)
    parts = render(pipeline, scenes, steps=2)
    assert all(likeness(left, right) > 0.99 for left, right in zip(whole, parts, strict=True))


def test_more_steps_come_nearer_to_the_finished_picture(
    pipeline: DiffusionPipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There is a line for each count of steps, the last one nearest to 1."""
    monkeypatch.setattr("workers.models.shapes.evaluate.LADDER", (2, 10))
    monkeypatch.setattr("workers.models.shapes.evaluate.FINISHED", 12)
    few, many = (float(line.split()[-1]) for line in likenesses(pipeline, prompts()[:2]))
    assert few < many <= 1
