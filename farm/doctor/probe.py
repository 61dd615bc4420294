"""What a store lets us do: an object is written, read, listed and deleted."""

import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from farm.doctor.check import Check, failed
from farm.errors import NotInStoreError, StoreError

if TYPE_CHECKING:
    from farm.store.store import Store

_DATA = b"probe"
#: Seconds after which a store that refuses is not asked any more.
_PATIENCE = 8.0
_LOST = "The store at {place} does not give back what was written: check what stands before it."


def probe(store: "Store", place: str, *, clock: Callable[[], float] = time.perf_counter) -> Check:
    """Try the four verbs on a key of the probe's own, each whatever became of the others; nothing is left behind.

    A store that is slow to refuse is not asked again.
    """
    key = f"doctor/{uuid.uuid4()}"
    began = clock()
    fine: list[str] = []
    wrong: dict[str, str] = {}
    for verb in ("put", "get", "list", "delete"):
        try:
            if _try(store, verb, key, written="put" in fine):
                fine.append(verb)
            else:
                wrong[verb] = _LOST.format(place=place)
        except StoreError as error:
            wrong[verb] = str(error)
        if wrong and clock() - began > _PATIENCE:
            break
    if wrong:
        return _refused(fine, wrong, key)
    return Check("store", True, f"{place}: put, get, list and delete in {(clock() - began) * 1000:.0f} ms")


def _try(store: "Store", verb: str, key: str, *, written: bool) -> bool:
    """Whether a verb does what it should, after an object was written or was not; raises `StoreError`."""
    match verb:
        case "put":
            store.put(key, _DATA)
        case "get":
            try:
                return store.get(key) == _DATA and written
            except NotInStoreError:
                return not written
        case "list":
            return list(store.list(key)) == ([key] if written else [])
        case _:
            store.delete([key])
    return True


def _refused(fine: Sequence[str], wrong: Mapping[str, str], key: str) -> Check:
    """The red line: what works, what does not, and the first sentence."""
    first = failed("store", StoreError(next(iter(wrong.values()))))
    if not fine:
        return first
    left = f"; {key} stays there" if "put" in fine and "delete" in wrong else ""
    detail = f"{', '.join(wrong)} refused, {', '.join(fine)} fine{left}. {first.detail}"
    return Check("store", False, detail, first.advice)
