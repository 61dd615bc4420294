"""A job cut into slices of positions: what one part of its tables holds, and how its records are found.

A record belongs to the slice that it starts in, with all its positions. Pure but for `names_near`.
"""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from farm.profile.fold import Folded
from farm.store import keys
from farm.store.keys import RecordName
from farm.store.store import Store

#: Positions of a slice: some 4 MB as rows in memory, some 1 MB as Parquet. Whole bytes of the ledger's bitmap.
SLICE = 10_000
#: What the rows of a part look like: another number makes every part be written anew.
VERSION = 1


@dataclass(frozen=True, slots=True)
class Slice:
    """The records of one slice, and what each of them won.

    Args:
        number: counts slices from 0: positions ``[number * SLICE, (number + 1) * SLICE)``.
        names: names of the records that start in it, ascending.
        won: positions that each record won, in the same order.
    """

    number: int
    names: tuple[RecordName, ...]
    won: tuple[int, ...]

    @property
    def digest(self) -> str:
        """Hash of all that decides the rows: a part that carries it is what these records come to, in hex."""
        digest = hashlib.blake2b(f"{VERSION} {SLICE}".encode(), digest_size=16)
        for name, won in zip(self.names, self.won, strict=True):
            digest.update(f"\n{name.range.start}-{name.range.stop}-{name.token}-{name.outcome} {won}".encode())
        return digest.hexdigest()


def slices(names: Iterable[RecordName], folded: Folded) -> list[Slice]:
    """Every slice that has a record, ascending, and the first one always: a job without records has tables, too.

    Args:
        names: names of the job's records.
        folded: the fold of them, and of every record that overlaps them.
    """
    found: dict[int, list[RecordName]] = defaultdict(list, {0: []})
    for name in sorted(names):
        found[name.range.start // SLICE].append(name)
    return [
        Slice(number, tuple(found[number]), tuple(folded.useful(name) for name in found[number]))
        for number in sorted(found)
    ]


def done_by_slice(bits: bytes) -> list[int]:
    """Rendered positions of each slice, from the ledger's bitmap."""
    size = SLICE // 8
    return [int.from_bytes(bits[at : at + size]).bit_count() for at in range(0, len(bits), size)]


def names_near(store: Store, job_id: str, number: int, *, reach: int) -> Iterator[RecordName]:
    """Names of the records that start in a slice or less than `reach` before it.

    Keys are in the order of their characters, not of their positions, so a stretch of positions is a few stretches of
    keys: one or two pages of a listing, where the whole would be dozens.
    """
    start, stop = max(0, number * SLICE - reach), (number + 1) * SLICE
    folder = keys.records(job_id)
    for first, last in key_stretches(start, stop):
        for key in store.list(folder, after=f"{folder}{first}"):
            if key.removeprefix(folder)[: len(last)] > last:
                break
            name = keys.parse_record(job_id, key)
            if name is not None and start <= name.range.start < stop:
                yield name


def key_stretches(start: int, stop: int) -> list[tuple[str, str]]:
    """Positions ``[start, stop)`` as texts: a stretch is what begins with anything from its first to its last text.

    Stretches do not overlap, so that no key is found twice.
    """
    found: list[tuple[str, str]] = []
    lengths = range(len(str(start)), len(str(stop - 1)) + 1)
    bounds = (
        (str(max(start, 10 ** (length - 1) if length > 1 else 0)), str(min(stop, 10**length) - 1)) for length in lengths
    )
    for first, last in sorted(bounds):
        if found and first[: len(found[-1][1])] <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], last, key=_reach))
        else:
            found.append((first, last))
    return found


def _reach(last: str) -> str:
    """Sort key of the last text of a stretch: the last key that begins with it."""
    return last + "~"
