import json
from pathlib import Path
from typing import TYPE_CHECKING

from farm.client.tally import Tally
from farm.client.verify import errors, verify
from farm.store import keys

if TYPE_CHECKING:
    from tests.farm.conftest import Stage


def test_every_picture_is_verified(stage: "Stage") -> None:
    """All there and unchanged; each told of as it is done."""
    job = stage.submit().job
    stage.render(job)
    told: list[int] = []

    def note(tally: Tally) -> None:
        told.append(tally.images)

    found = verify(stage.store, job, on_progress=note)
    assert (found.images, found.ok, told) == (4, True, [1, 2, 3, 4])


def test_a_changed_and_a_lost_picture_are_named(stage: "Stage") -> None:
    """One byte is enough."""
    job = stage.submit().job
    names = stage.render(job)
    stage.store.put(keys.image(job, names[0]), b"something else")
    stage.store.delete([keys.image(job, names[1])])
    found = verify(stage.store, job)
    assert (found.images, found.bad, found.ok) == (4, 2, False)
    assert [picture.name for picture in found.damaged] == [names[0]]
    assert [picture.name for picture in found.missing] == [names[1]]


def test_bad_pictures_can_be_drawn_again(stage: "Stage", tmp_path: Path) -> None:
    """Their tasks are a manifest of their own, which draws the same pictures."""
    job = stage.submit().job
    names = stage.render(job)
    stage.store.put(keys.image(job, names[3]), b"something else")
    stage.store.delete([keys.image(job, names[1])])
    text = errors(stage.store, job, verify(stage.store, job))
    assert ["missing" in json.loads(line)["error"] for line in text.splitlines()] == [True, False]
    (tmp_path / "bad.jsonl").write_text(text)
    again = stage.farm.plan(tmp_path / "bad.jsonl")
    plan = stage.farm.plan({"name": "mugs", "render": stage.render_fields()})
    assert [task.task_id for task in again.tasks(0, 2)] == [plan.task(1).task_id, plan.task(3).task_id]
