from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from farm.profile.outcome import Outcome
from farm.profile.seconds import Kind, Span
from farm.report.seconds import Verdict, ledger_of_seconds

if TYPE_CHECKING:
    from farm.report.values import Ledger
    from tests.farm.report.conftest import Farm


def work(farm: Farm, start: float, counter: int, first: int, last: int) -> list[Span]:
    """An attempt of ten seconds at one batch: one each for load, prompts and decode, the rest denoising."""
    token = farm.token(counter)
    return farm.spans(
        start,
        (Kind.LOAD, 1.0, "mugs", None, None, token),
        (Kind.ENCODE_PROMPT, 1.0, "mugs", first, last, token),
        (Kind.DENOISE, 7.0, "mugs", first, last, token),
        (Kind.DECODE, 1.0, "mugs", first, last, token),
    )


def test_every_second_of_a_quiet_job_has_its_class(farm: Farm) -> None:
    """Start, waiting, work of this job and of another: the parts are what the spans say, and close on the wall."""
    farm.record(0, 4, 1, at=100.0, busy=10.0)
    farm.record(4, 8, 2, at=120.0, busy=10.0)
    farm.finished()
    farm.session(
        [
            *farm.spans(95.0, (Kind.START, 5.0)),
            *work(farm, 100.0, 1, 0, 4),
            *farm.spans(110.0, (Kind.BLOCKED, 2.0, "mugs", None, None, farm.token(1)), (Kind.IDLE, 3.0)),
            *farm.spans(115.0, (Kind.DENOISE, 5.0, "other", 0, 8, "x.1")),
            *work(farm, 120.0, 2, 4, 8),
            *farm.spans(130.0, (Kind.IDLE, 60.0)),
        ],
        upload_s={"mugs": 1.5, "other": 9.0},
    )
    ledger = ledger_of_seconds(farm.data())
    assert ledger.model_dump() == pytest.approx(
        {
            "wall_s": 30.0,
            "start_s": 0.0,
            "load_s": 2.0,
            "encode_prompt_s": 2.0,
            "denoise_s": 14.0,
            "decode_s": 2.0,
            "post_s": 0.0,
            "blocked_s": 2.0,
            "wasted_s": 0.0,
            "idle_s": 3.0,
            "other_s": 5.0,
            "residual_s": 0.0,
            "upload_s": 1.5,
        }
    )


@pytest.mark.parametrize("outcome", [Outcome.FAILED, Outcome.CANCELLED, Outcome.RETURNED, Outcome.LOST])
def test_work_that_made_no_picture_is_wasted(farm: Farm, outcome: Outcome) -> None:
    """Whatever the reason, the whole attempt goes to waste, its load too."""
    farm.record(0, 4, 1, at=100.0, outcome=outcome, busy=10.0)
    farm.finished()
    farm.session(work(farm, 100.0, 1, 0, 4))
    ledger = ledger_of_seconds(farm.data())
    assert (ledger.wasted_s, ledger.denoise_s, ledger.load_s) == pytest.approx((10.0, 0.0, 0.0))


def test_a_duplicate_is_wasted_by_its_share(farm: Farm) -> None:
    """Two of four pictures were made before: half of the work is waste, the load is not."""
    farm.record(0, 2, 1, at=100.0, busy=5.0)
    farm.record(0, 4, 2, at=100.0, busy=10.0)
    farm.finished()
    farm.session(work(farm, 100.0, 2, 0, 4))
    ledger = ledger_of_seconds(farm.data())
    assert (ledger.wasted_s, ledger.denoise_s, ledger.load_s) == pytest.approx((4.5, 3.5, 1.0))


def test_a_killed_worker_counts_up_to_its_last_write(farm: Farm) -> None:
    """The session ends where it was last written; what it was at is waste once the job is over."""
    killed = farm.record(4, 8, 2, at=100.0, outcome=Outcome.LOST, busy=3.0).worker
    farm.record(0, 8, 3, at=130.0, busy=10.0, worker=killed.model_copy(update={"id": "w2", "session": "91000x00"}))
    farm.finished()
    farm.session(farm.spans(100.0, (Kind.DENOISE, 4.0, "mugs", 4, 8, farm.token(2))))
    ledger = ledger_of_seconds(farm.data())
    assert (ledger.wall_s, ledger.wasted_s, ledger.residual_s) == pytest.approx((4.0, 4.0, 0.0))


def killed(farm: Farm, *lost: tuple[float, float], wrote: float, again: float | None = None) -> Ledger:
    """A worker that lost attempts, claimed and renewed then and then, and wrote its session up to an instant.

    It may have been started again, and then waits.
    """
    for counter, (claimed, renewed) in enumerate(lost, start=1):
        farm.record(4, 8, counter, at=claimed, outcome=Outcome.LOST, busy=renewed - claimed)
    other = farm.worker.model_copy(update={"id": "w2", "session": "91000x00"})
    farm.record(0, 8, 9, at=130.0, busy=20.0, worker=other)
    farm.finished()
    if wrote > 90.0:
        farm.session(farm.spans(90.0, (Kind.IDLE, wrote - 90.0)))
    if again is not None:
        later = farm.worker.model_copy(update={"session": f"{round(again * 1000)}x3fa9"})
        farm.session(farm.spans(again, (Kind.IDLE, 20.0)), worker=later)
    return ledger_of_seconds(farm.data())


def test_seconds_between_the_last_write_and_the_kill_are_waste(farm: Farm) -> None:
    """Its lease was renewed for three seconds more: they were spent, and the wall has them."""
    ledger = killed(farm, (100.0, 107.0), wrote=104.0)
    assert (ledger.wall_s, ledger.idle_s, ledger.wasted_s) == pytest.approx((7.0, 4.0, 3.0))
    assert ledger.residual_s == pytest.approx(0.0)


def test_two_attempts_that_were_lost_together_are_one_time(farm: Farm) -> None:
    """One was published while the other was rendered: no second is counted twice."""
    ledger = killed(farm, (100.0, 107.0), (103.0, 109.0), wrote=104.0)
    assert (ledger.wall_s, ledger.wasted_s) == pytest.approx((9.0, 5.0))


def test_what_a_worker_did_before_its_claim_is_not_waste(farm: Farm) -> None:
    """Its session was last written while it waited; the waste begins with the claim."""
    ledger = killed(farm, (100.0, 101.0), (108.0, 111.0), wrote=104.0)
    assert (ledger.wall_s, ledger.wasted_s) == pytest.approx((7.0, 3.0))


def test_a_worker_that_was_started_again_is_not_counted_twice(farm: Farm) -> None:
    """The next session of the name begins before the lease runs out; nothing of it is called waste."""
    ledger = killed(farm, (100.0, 107.0), wrote=104.0, again=106.0)
    assert (ledger.wall_s, ledger.wasted_s, ledger.idle_s) == pytest.approx((26.0, 2.0, 24.0))


def test_a_worker_that_never_wrote_is_counted_by_its_leases(farm: Farm) -> None:
    """Killed before its first write: what it spent is known from its renewals alone."""
    ledger = killed(farm, (100.0, 107.0), wrote=0.0)
    assert (ledger.wall_s, ledger.wasted_s, ledger.residual_s) == pytest.approx((7.0, 7.0, 0.0))


def test_a_slow_worker_that_lived_on_has_no_gap(farm: Farm) -> None:
    """Its session goes on past the renewal after which it was taken for lost."""
    ledger = killed(farm, (100.0, 107.0), wrote=120.0)
    assert (ledger.wall_s, ledger.wasted_s) == pytest.approx((20.0, 0.0))


def test_work_in_flight_is_not_called_waste(farm: Farm) -> None:
    """While a job runs, what no record speaks of yet will become pictures; afterwards it did not."""
    farm.record(0, 4, 1, at=100.0, busy=30.0)
    farm.session(work(farm, 105.0, 2, 4, 8))
    assert ledger_of_seconds(farm.data()).wasted_s == pytest.approx(0.0)
    farm.finished()
    assert ledger_of_seconds(farm.data()).wasted_s == pytest.approx(10.0)


def test_a_failed_record_is_waste_even_while_the_job_runs(farm: Farm) -> None:
    """A record that says failed is no work in flight."""
    farm.record(0, 4, 1, at=100.0, outcome=Outcome.FAILED, busy=30.0)
    verdict = Verdict.of(farm.data())
    assert verdict.useful(Span(Kind.DENOISE, 100.0, 101.0, "mugs", 0, 4, farm.token(1))) == 0.0
    assert verdict.useful(Span(Kind.DENOISE, 100.0, 101.0, "mugs", 0, 8, farm.token(1))) == 0.5


def test_a_gap_between_spans_is_the_residual(farm: Farm) -> None:
    """Time that no span explains is said, not hidden in a neighbour."""
    farm.record(0, 4, 1, at=100.0, busy=10.0)
    farm.finished()
    farm.session([*farm.spans(100.0, (Kind.IDLE, 4.0)), *farm.spans(5.0 + 100.0, (Kind.IDLE, 5.0))])
    ledger = ledger_of_seconds(farm.data())
    assert (ledger.idle_s, ledger.residual_s) == pytest.approx((9.0, 1.0))


def test_sessions_of_other_times_are_left_out(farm: Farm) -> None:
    """Yesterday's session of the same worker is no part of the job."""
    farm.record(0, 4, 1, at=100.0, busy=10.0)
    farm.finished()
    farm.session(farm.spans(10.0, (Kind.IDLE, 50.0)), upload_s={"mugs": 3.0})
    ledger = ledger_of_seconds(farm.data())
    assert (ledger.wall_s, ledger.upload_s) == (0.0, 0.0)


def test_a_job_without_records_has_an_empty_ledger(farm: Farm) -> None:
    """Nothing was claimed, so no second was spent."""
    assert ledger_of_seconds(farm.data()).wall_s == 0.0


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.tuples(
            st.sampled_from(Kind),
            st.floats(0.01, 9.0),
            st.sampled_from([None, "mugs", "other"]),
            st.integers(0, 7),
            st.integers(1, 4),
        ),
        min_size=1,
        max_size=20,
    ),
    st.booleans(),
)
def test_parts_always_add_up_to_the_wall(
    rendered: Farm,
    parts: list[tuple[Kind, float, str | None, int, int]],
    over: bool,  # noqa: FBT001 hypothesis fills it in
) -> None:
    """Whatever a worker did, every second is in exactly one part."""
    made = [
        Span(span.kind, span.start, span.stop, job, first if job else None, first + 1, rendered.token(counter))
        for span, (_, _, job, first, counter) in zip(
            rendered.spans(97.0, *((kind, seconds) for kind, seconds, *_ in parts)), parts, strict=True
        )
    ]
    rendered.session(made)
    if not over:
        rendered.store.delete(["jobs/mugs/finished.json"])
    ledger = ledger_of_seconds(rendered.data())
    assert sum(ledger.parts().values()) == pytest.approx(ledger.wall_s)
    assert ledger.residual_s == pytest.approx(0.0, abs=1e-9)
    assert min(ledger.parts().values()) >= -1e-9
