from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from farm.plan.ranges import WorkRange
from farm.profile.fold import Folded, age, fold, overlap
from farm.profile.outcome import Outcome, Token
from farm.store import keys
from farm.store.keys import RecordName

EPOCHS = ("999x00", "1000x00", "1000x01", "1763690000000x3fa9")


def name(start: int, stop: int, counter: int, *, epoch: str = "1000x00", outcome: str = "rendered") -> RecordName:
    """A record's name in job ``j``."""
    return RecordName(WorkRange("j", start, stop), Token(epoch, counter), Outcome(outcome))


@st.composite
def names(draw: st.DrawFn) -> list[RecordName]:
    """Up to twelve overlapping records of a small job."""
    start = st.integers(0, 30)
    return [
        name(left := draw(start), left + draw(st.integers(1, 12)), counter, epoch=epoch, outcome=outcome)
        for counter, epoch, outcome in draw(
            st.lists(st.tuples(st.integers(1, 6), st.sampled_from(EPOCHS), st.sampled_from(list(Outcome))), max_size=12)
        )
    ]


def naive(records: list[RecordName]) -> dict[int, RecordName]:
    """The fold as DESIGN words it, a position at a time."""
    winners: dict[int, RecordName] = {}
    for record in sorted(records, key=lambda one: (age(one.token), one.range)):
        if record.outcome is Outcome.RENDERED:
            for position in range(record.range.start, record.range.stop):
                winners.setdefault(position, record)
    return winners


def spread(folded: Folded) -> dict[int, RecordName]:
    """The folded intervals, a position at a time."""
    return {
        position: record
        for record, intervals in folded.won.items()
        for start, stop in intervals
        for position in range(start, stop)
    }


@settings(deadline=None)
@given(names())
def test_interval_fold_agrees_with_the_fold_by_position(records: list[RecordName]) -> None:
    """Sweeping intervals gives every position the same winner as walking positions one by one."""
    expected = naive(records)
    folded = fold(records)
    assert spread(folded) == expected
    assert {position for start, stop in folded.done for position in range(start, stop)} == set(expected)
    assert len(folded) == len(expected)


@settings(deadline=None)
@given(names())
def test_done_intervals_are_ascending_and_apart(records: list[RecordName]) -> None:
    """Neighbours are joined, so the done intervals are the fewest that say the same."""
    edges = [edge for interval in fold(records).done for edge in interval]
    assert edges == sorted(set(edges))


@settings(deadline=None)
@given(names(), st.randoms())
def test_order_and_duplicates_change_nothing(records: list[RecordName], chance: Random) -> None:
    """A listing in another order, or one that names a record twice, folds to the same."""
    shuffled = records * 2
    chance.shuffle(shuffled)
    again, once = fold(shuffled), fold(records)
    assert (again.won, again.done) == (once.won, once.done)


@settings(deadline=None)
@given(names(), st.integers(-3, 45), st.integers(0, 20))
def test_missing_is_the_complement_of_done(records: list[RecordName], start: int, length: int) -> None:
    """Missing and done intervals cut any stretch of positions into two parts without a gap."""
    folded = fold(records)
    missing = {place for left, right in folded.missing(start, start + length) for place in range(left, right)}
    assert missing == set(range(start, start + length)) - set(naive(records))
    assert all((place in folded) == (place not in missing) for place in range(start, start + length))


def test_epochs_order_by_their_milliseconds() -> None:
    """An epoch of fewer digits is older, though its text sorts later."""
    older, newer = name(0, 4, 9, epoch="999x00"), name(0, 4, 1, epoch="1000x00")
    assert fold([newer, older]).won == {older: ((0, 4),)}


def test_later_duplicate_keeps_only_what_was_missing() -> None:
    """A second attempt owns the positions the first never delivered, on both sides of it."""
    first, second = name(4, 8, 1), name(0, 12, 2)
    folded = fold([second, first])
    assert folded.won == {first: ((4, 8),), second: ((0, 4), (8, 12))}
    assert folded.done == ((0, 12),)
    assert folded.useful(second) == 8
    assert folded.useful(second, 2, 9) == 3
    assert folded.useful(name(0, 12, 3)) == 0


def test_only_rendered_records_count() -> None:
    """Failed, cancelled, returned and lost attempts make no picture."""
    others = [name(0, 4, 1, outcome=outcome) for outcome in Outcome if outcome != "rendered"]
    assert fold(others).done == ()
    assert fold([*others, name(0, 2, 9)]).done == ((0, 2),)


def test_fold_reads_what_the_store_lists() -> None:
    """The names come from a listing alone, and a key that is no record is left out before."""
    listing = [keys.record(WorkRange("j", 0, 8), Token("1000x00", 3), Outcome.RENDERED), "jobs/j/records/note.txt"]
    parsed = [found for key in listing if (found := keys.parse_record("j", key))]
    assert fold(parsed).done == ((0, 8),)


def test_fold_of_a_huge_job_is_arithmetic() -> None:
    """Ten million positions in two records cost two intervals."""
    folded = fold([name(0, 10_000_000, 2), name(5_000_000, 6_000_000, 1)])
    assert len(folded) == 10_000_000
    assert 5_500_000 in folded
    assert 10_000_000 not in folded


def test_overlap_counts_positions_inside() -> None:
    """Intervals outside the stretch count nothing."""
    assert overlap([(0, 2), (4, 9), (20, 30)], 1, 6) == 3
