"""Redis is disposable: emptied or killed in the middle of a job, nothing is lost and nothing is made twice."""

import signal
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from farm.client import Farm
from farm.ledger.values import JobState
from farm.profile.fold import fold
from farm.profile.outcome import Outcome
from farm.store import keys

if TYPE_CHECKING:
    from tests.live.conftest import RunningFarm, StartFarm

Eventually = Callable[..., None]

JOB: dict[str, Any] = {
    "name": "mugs",
    "render": {"model": "builtin:shapes", "prompt": "a red circle", "seed": "1-96", "steps": 20},
    "run": {"batch": 8, "range": 16},
}


def rendered(running: "RunningFarm", job: str) -> int:
    """Images in rendered records, those that were made twice counted twice."""
    names = [keys.parse_record(job, key) for key in running.store.list(keys.records(job))]
    made = [name for name in names if name and name.outcome is Outcome.RENDERED]
    assert len(fold(made)) == 96
    return sum(len(name.range) for name in made)


@pytest.mark.slow
@pytest.mark.parametrize("loss", ["emptied", "killed"])
def test_a_job_survives_the_loss_of_redis(farm: "StartFarm", eventually: Eventually, loss: str) -> None:
    """The job is read again from the store, and the worker keeps the ranges it holds."""
    running = farm()
    with Farm.connect(running.settings) as client:
        job = client.submit(JOB).job
        eventually(lambda: 0 < client.status(job).images.done < 60, "some images", timeout=60)
        if loss == "emptied":
            running.ledger.redis.flushall()
        else:
            running.kill("redis", signal.SIGKILL)
        eventually(lambda: _state(client, job) is JobState.DONE, "the end of the job", timeout=120)
        status = client.status(job)
        assert (status.images.done, status.images.failed) == (96, 0)
        assert client.verify(job).images == 96
    assert rendered(running, job) == 96


def _state(client: Farm, job: str) -> JobState | None:
    from farm.errors import FarmError

    try:
        return client.status(job).state
    except FarmError:
        return None
