from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from farm.economics.quality import Why, curves, sweet_spot
from farm.errors import StoreError
from farm.quality.score import score
from farm.store import keys
from farm.store.memory import MemoryStore
from tests.farm.quality.conftest import plan_of, store_of

if TYPE_CHECKING:
    from farm.plan.plan import Plan


def test_pictures_that_converge_score_higher_with_steps(sweep: Plan) -> None:
    """Each is compared with its own chain's picture of the most steps, and with the next one."""
    scores = score(store_of(sweep), sweep, over=False)
    assert {(each.chain, each.steps, each.most) for each in scores} == {
        (chain, steps, 40) for chain in range(4) for steps in (5, 10, 20)
    }
    [curve] = curves(scores)
    means = [sum(values) for values in curve.ssim.values()]
    assert means == sorted(means)
    assert [each.ssim_next for each in scores if each.steps == 20] == [e.ssim for e in scores if e.steps == 20]
    assert all(each.ssim_next != each.ssim for each in scores if each.steps < 20)


def test_fresh_noise_is_seen_in_the_pictures() -> None:
    """A sampler whose class says nothing is recognised by what it drew."""
    plan = plan_of(seed="1-4", steps=[5, 10, 20, 30, 40])
    [curve] = curves(score(store_of(plan, fresh=True), plan, over=False))
    assert sweet_spot(curve).why is Why.DIVERGES


def test_a_finished_job_is_scored_once(sweep: Plan) -> None:
    """Afterwards no picture is read: the scores come from the store, the same to the last bit."""
    store = store_of(sweep)
    first = score(store, sweep, over=True)
    store.delete(list(store.list(keys.images(sweep.job_id))))
    assert score(store, sweep, over=True) == first
    assert score(store, sweep, over=False) == []


def test_a_running_job_keeps_nothing(sweep: Plan) -> None:
    """What is there changes until the end."""
    store = store_of(sweep)
    assert score(store, sweep, over=False)
    assert list(store.list(keys.tables(sweep.job_id))) == []


@pytest.mark.parametrize("kept", [b"", b"no table"])
def test_a_damaged_table_is_computed_anew(sweep: Plan, kept: bytes) -> None:
    """And is whole afterwards."""
    store = store_of(sweep)
    first = score(store, sweep, over=True)
    key = keys.table(sweep.job_id, "quality", 0)
    written = store.get(key)
    store.put(key, kept)
    assert score(store, sweep, over=True) == first
    assert store.get(key) == written


def test_a_chain_without_one_of_its_pictures_is_left_out(sweep: Plan) -> None:
    """Missing, damaged or of another size: three chains are left to compare."""
    other = store_of(sweep, size=(32, 32))
    for number, spoil in enumerate((None, b"broken", b"other")):
        store = store_of(sweep)
        key = keys.image(sweep.job_id, sweep.image_name(sweep.task(number)))
        store.delete([key])
        if spoil is not None:
            store.put(key, other.get(key) if spoil == b"other" else spoil)
        assert len({each.chain for each in score(store, sweep, over=False)}) == 3


def test_a_store_that_takes_nothing_reports_all_the_same(sweep: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    """A reader's keys may not allow it to write."""
    store = store_of(sweep)

    def refuse(*_: object, **__: object) -> None:
        raise StoreError("The store refuses us.")

    monkeypatch.setattr(store, "put", refuse)
    assert len(score(store, sweep, over=True)) == 12


def test_a_job_without_a_step_axis_reads_no_picture() -> None:
    """An ordinary job's report costs nothing more."""
    assert score(MemoryStore(), plan_of(steps=20), over=True) == []
