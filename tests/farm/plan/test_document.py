"""The plan's document: sealed, deterministic, with long factors beside it."""

import json

import pytest

from farm.errors import DamagedError
from farm.manifest.space import Factor, Space
from farm.plan.document import VERSION, canonical, pack_factors, render_hash, seal, unpack_factor, unseal, with_hashes
from farm.plan.order import arrange
from farm.plan.rows import PART


def test_one_value_has_one_text() -> None:
    """Keys are sorted, nothing is padded, and text stays readable."""
    assert canonical({"b": [1, 2.5], "a": "é"}) == '{"a":"é","b":[1,2.5]}'.encode()


def test_a_sealed_document_opens() -> None:
    """What was sealed comes out without its seal."""
    body = {"version": VERSION, "name": "mugs"}
    assert unseal(seal(body)) == body
    assert json.loads(seal(body)).keys() == {"version", "name", "sha256"}


def test_a_broken_seal_is_noticed() -> None:
    """Damage in the store ends in a sentence, not in wrong pictures."""
    with pytest.raises(DamagedError, match="damaged"):
        unseal(seal({"version": VERSION, "name": "mugs"}).replace(b"mugs", b"cups"))


def test_what_is_drawn_decides_the_hash() -> None:
    """A value, a name of a field or the place of a factor: each makes another job."""
    seeds, steps = Factor({"seed": range(3)}), Factor({"steps": [1, 2]})
    base = Space({"prompt": "a"}, [seeds, steps])
    others = [
        Space({"prompt": "b"}, [seeds, steps]),
        Space({"prompt": "a"}, [steps, seeds]),
        Space({"prompt": "a"}, [seeds]),
        Space({"prompt": "a"}, [Factor({"seed": range(4)}), steps]),
        Space({"prompt": "a"}, [seeds, Factor({"width": [1, 2]})]),
    ]
    hashes = [render_hash(space, {"name": "x"}) for space in (base, *others)]
    assert len(set(hashes)) == len(hashes)
    assert render_hash(base, {"name": "y"}) not in hashes
    assert render_hash(Space({"prompt": "a"}, [seeds, steps]), {"name": "x"}) == hashes[0]


def test_factors_survive_inline_and_in_parts() -> None:
    """Short ones stand in the document, long ones beside it, and both come back with the user's row numbers."""
    short = Factor({"steps": [20, 10, 20], "seed": [1, 2, 3]})
    size = PART + 5
    long = Factor({"steps": [row % 2 + 1 for row in range(size)], "prompt": [str(row) for row in range(size)]})
    arranged = [arrange(factor) for factor in (short, long)]
    packed, parts = pack_factors([factor for factor, _ in arranged], [bounds for _, bounds in arranged])
    assert len(parts) == 2
    complete = [with_hashes(entry, parts) for entry in packed]
    again = [unpack_factor(entry, parts.__getitem__) for entry in json.loads(canonical(complete))]
    for factor, (before, _) in zip(again, arranged, strict=True):
        for row in (0, 1, len(before) - 1):
            assert factor.row(row) == before.row(row)
            assert factor.offset(row) == before.offset(row)


def test_a_damaged_part_is_noticed() -> None:
    """Its hash stands in the document."""
    packed, parts = pack_factors([Factor({"prompt": ["a"] * 2000})], [((0, 2000),)])
    factor = unpack_factor(with_hashes(packed[0], parts), lambda number: parts[number] + b"x")
    with pytest.raises(DamagedError, match="Part 0 of the job's rows is damaged"):
        factor.row(0)
