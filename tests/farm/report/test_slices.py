from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from farm.plan.ranges import WorkRange
from farm.profile.fold import fold
from farm.profile.outcome import Outcome, Token
from farm.report import slices as module
from farm.report.slices import SLICE, Slice, done_by_slice, key_stretches, names_near, slices
from farm.store import keys
from farm.store.keys import RecordName
from farm.store.memory import MemoryStore


def name(start: int, stop: int, counter: int = 1, outcome: Outcome = Outcome.RENDERED) -> RecordName:
    """A record's name in job ``j``."""
    return RecordName(WorkRange("j", start, stop), Token("1000x00", counter), outcome)


def cut(*names: RecordName) -> list[Slice]:
    """The slices of some records."""
    return slices(names, fold(names))


def test_a_record_is_in_the_slice_it_starts_in() -> None:
    """One that reaches into the next slice is not in two of them."""
    across = name(SLICE - 4, SLICE + 4)
    found = cut(name(SLICE + 4, SLICE + 8), across, name(5 * SLICE, 5 * SLICE + 1))
    assert [(piece.number, len(piece.names)) for piece in found] == [(0, 1), (1, 1), (5, 1)]
    assert found[0].won == (8,)


def test_a_job_without_records_has_its_first_slice() -> None:
    """Its tables are empty, and there."""
    assert [(piece.number, piece.names) for piece in cut()] == [(0, ())]


def test_a_digest_changes_with_what_the_rows_say() -> None:
    """One more record, another outcome, or a picture that another record won; never with the order."""
    base = cut(name(0, 8))[0].digest
    assert cut(name(0, 8))[0].digest == base
    late = cut(name(0, 8, 2), name(4, 6, 1))[0]
    both = {cut(name(0, 8), name(8, 9))[0].digest, cut(name(0, 8, outcome=Outcome.LOST))[0].digest, late.digest}
    assert len(both | {base}) == 4
    assert cut(name(4, 6, 1), name(0, 8, 2))[0].digest == late.digest


def test_what_another_slice_won_changes_the_digest() -> None:
    """An older record that reaches over from the slice before takes pictures from this one."""
    later = name(SLICE, SLICE + 8, 2)
    before = next(piece for piece in cut(later) if piece.number == 1)
    after = next(piece for piece in cut(later, name(SLICE - 4, SLICE + 4, 1)) if piece.number == 1)
    assert (before.won, after.won) == ((8,), (4,))
    assert before.digest != after.digest


def test_rendered_images_are_counted_by_slice() -> None:
    """From the ledger's bitmap, whose last bytes may be missing."""
    bits = bytearray(SLICE // 8 + 2)
    bits[0], bits[SLICE // 8 - 1], bits[SLICE // 8 + 1] = 0b10100000, 1, 0xFF
    assert done_by_slice(bytes(bits)) == [3, 8]
    assert done_by_slice(b"") == []


@given(st.integers(0, 300_000), st.integers(1, 60_000), st.randoms(use_true_random=False))
def test_stretches_hold_every_position_once(start: int, length: int, chance: Random) -> None:
    """Keys are in the order of their characters: no position of the slice is missed, and none is listed twice."""
    stretches = key_stretches(start, start + length)

    def times(position: int) -> int:
        """How many stretches a record that starts there is listed in."""
        key = f"{position}-{position + 3}-1000x00.1-rendered.json"
        return sum(key > first and key[: len(last)] <= last for first, last in stretches)

    inside = [start, start + length - 1, *(chance.randrange(start, start + length) for _ in range(20))]
    assert [times(position) for position in inside] == [1] * len(inside)
    assert max(times(chance.randrange(3_000_000)) for _ in range(50)) <= 1


def test_a_slice_far_on_is_a_short_stretch() -> None:
    """Of a million positions in ranges of one, a late slice costs little more than its own keys."""
    [(first, last)] = key_stretches(50 * SLICE, 51 * SLICE)
    listed = sum(first <= str(position) and str(position)[: len(last)] <= last for position in range(1_000_000))
    assert listed < 1.2 * SLICE


def test_names_of_a_slice_are_found_without_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """And those that reach into it from just before."""
    monkeypatch.setattr(module, "SLICE", 100)
    store = MemoryStore()
    for start in range(0, 1300, 10):
        rng = WorkRange("j", start, start + 10)
        store.put(keys.record(rng, Token("1000x00", 1), Outcome.RENDERED), b"")
    store.put(keys.records("j") + "205-note.txt", b"")
    for number in (0, 2, 9, 12):
        found = sorted(one.range.start for one in names_near(store, "j", number, reach=15))
        assert found == list(range(max(0, number * 100 - 10), number * 100 + 100, 10))
