from collections import Counter

from farm import Farm
from tests.bench.load import Load


def test_farm_and_loop_make_the_same_pictures() -> None:
    """Every prompt with every seed, at the same steps, size and batch, once."""
    load = Load(seeds=3, steps=2, size=64, batch=4)
    plan = Farm.plan(load.manifest("bench"))
    tasks = plan.tasks(0, plan.images)
    assert Counter((task.prompt, task.seed) for task in tasks) == Counter(
        task for batch in load.batches() for task in batch
    )
    assert {(task.steps, task.width, task.height) for task in tasks} == {(2, 64, 64)}
    assert [len(batch) for batch in load.batches()] == [4] * 6
    assert (plan.run.batch, plan.images) == (4, load.images)
    assert str(load) == "24 images of 64x64 px, 2 steps, batches of 4"
