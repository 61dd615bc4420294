from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from farm.client.status import Images, Status
from farm.client.watch import PATIENCE, View, follow, view
from farm.errors import LedgerError, NotInStoreError
from farm.ledger.values import JobState

if TYPE_CHECKING:
    from tests.farm.conftest import Stage


def status(done: int, state: JobState = JobState.RUNNING, *, failed: int = 0, eta_s: float | None = None) -> Status:
    """A job of a hundred images."""
    return Status("mugs", "mugs", state, None, Images(100, done, failed, 0), 0.0, None, eta_s, None, 0.0, None)


@dataclass
class Story:
    """What a follower sees, one entry per look; time passes only when it sleeps."""

    scenes: list[Status | Exception]
    now: float = 0.0
    slept: list[float] = field(default_factory=list)

    def next(self) -> Status:
        """The next scene; the last one again and again."""
        scene = self.scenes.pop(0) if len(self.scenes) > 1 else self.scenes[0]
        if isinstance(scene, Exception):
            raise scene
        return scene

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        self.now += seconds
        self.slept.append(seconds)

    def view(self) -> View:
        """The story as a follower sees it."""
        return View(self.next, list, steps_per_image=10.0, clock=lambda: self.now, sleep=self.sleep)


def test_follows_until_the_job_is_over() -> None:
    """Every look is an update; the last one is the end."""
    story = Story([status(0), status(50), status(100, JobState.DONE)])
    assert [update.status.images.done for update in follow(story.view(), interval=2.0)] == [0, 50, 100]
    assert story.slept == [2.0, 2.0]


def test_speed_and_time_left_follow_the_progress() -> None:
    """Ten images in two seconds: five a second, fifty steps a second, and eighteen seconds to go."""
    story = Story([status(0), status(10), status(100, JobState.DONE)])
    _, second, _ = follow(story.view(), interval=2.0)
    assert (second.images_per_s, second.steps_per_s, second.eta_s) == (5.0, 50.0, 18.0)


def test_a_paused_job_has_no_time_left() -> None:
    """It moved a moment ago, and now it waits for its user."""
    story = Story([status(0), status(10, JobState.PAUSED), status(100, JobState.DONE)])
    _, second, _ = follow(story.view(), interval=2.0)
    assert (second.images_per_s, second.eta_s) == (5.0, None)


def test_failed_images_count_as_settled() -> None:
    """Nothing more happens to them, so nobody waits for them; they are no pictures made either."""
    story = Story([status(0), status(5, failed=5), status(95, JobState.FAILED, failed=5)])
    _, second, _ = follow(story.view(), interval=2.0)
    assert second.eta_s == 18.0
    assert second.images_per_s == 2.5


def test_the_average_rate_tells_the_time_left_at_first() -> None:
    """A watch that has just begun knows no rate of its own yet."""
    first = next(follow(Story([status(50, eta_s=33.0)]).view()))
    assert (first.images_per_s, first.steps_per_s, first.eta_s) == (None, None, 33.0)


def test_redis_may_be_away_for_a_while() -> None:
    """A Redis that is started again does not end a watch."""
    story = Story([status(10), LedgerError("away"), LedgerError("away"), status(100, JobState.DONE)])
    assert [update.status.images.done for update in follow(story.view())] == [10, 100]


def test_a_redis_that_stays_away_ends_the_watch() -> None:
    """With the sentence that says why, after a minute."""
    story = Story([status(10), LedgerError("away")])
    with pytest.raises(LedgerError, match="away"):
        list(follow(story.view(), interval=5.0))
    assert PATIENCE <= story.now <= PATIENCE + 10


def test_waiting_may_be_bounded() -> None:
    """A timeout ends the waiting, not the job."""
    story = Story([status(10)])
    with pytest.raises(TimeoutError, match="goes on"):
        list(follow(story.view(), interval=1.0, timeout=3.0))
    assert story.now == 3.0


def test_a_job_that_is_over_is_seen_once() -> None:
    """No sleep, no second look."""
    story = Story([status(100, JobState.DONE)])
    assert len(list(follow(story.view()))) == 1
    assert story.slept == []


def test_a_view_of_a_real_job(stage: "Stage") -> None:
    """Status and workers come from the ledger, steps per image from the plan."""
    job = stage.submit(steps=[4, 8]).job
    stage.ledger.register("w1", {"gpu": "Test CPU"})
    found = view(job, stage.farm.connection)
    assert found.steps_per_image == 6.0
    assert found.status().images.total == 8
    assert [worker.id for worker in found.workers()] == ["w1"]


def test_there_is_no_view_of_half_a_job(stage: "Stage") -> None:
    """Without a plan there is nothing to watch."""
    with pytest.raises(NotInStoreError):
        view("nothing", stage.farm.connection)
