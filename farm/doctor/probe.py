"""What a store lets us do: an object is written, read, listed and deleted."""

import time
import uuid
from collections.abc import Callable
from typing import TYPE_CHECKING

from farm.doctor.check import Check, failed
from farm.errors import NotInStoreError, StoreError

if TYPE_CHECKING:
    from farm.store.store import Store

_DATA = b"probe"
_LOST = "The store at {place} does not give back what was written: check what stands before it."


def probe(store: "Store", place: str) -> Check:
    """Try the four verbs on a key of the probe's own, each whatever became of the others; nothing is left behind."""
    key = f"doctor/{uuid.uuid4()}"
    began = time.perf_counter()
    wrong = _wrong(store, key, place)
    took = (time.perf_counter() - began) * 1000
    if not wrong:
        return Check("store", True, f"{place}: put, get, list and delete in {took:.0f} ms")
    first = failed("store", StoreError(next(iter(wrong.values()))))
    fine = [verb for verb in ("put", "get", "list", "delete") if verb not in wrong]
    if not fine:
        return first
    left = f"; {key} stays there" if "put" in fine and "delete" in wrong else ""
    return Check(
        "store", False, f"{', '.join(wrong)} refused, {', '.join(fine)} fine{left}. {first.detail}", first.advice
    )


def _wrong(store: "Store", key: str, place: str) -> dict[str, str]:
    """What did not go as it should, by verb, each with its sentence."""
    asks: dict[str, tuple[Callable[[], object], object]] = {
        "put": (lambda: store.put(key, _DATA), None),
        "get": (lambda: store.get(key), _DATA),
        "list": (lambda: list(store.list(key)), [key]),
        "delete": (lambda: store.delete([key]), None),
    }
    wrong: dict[str, str] = {}
    for verb, (ask, expected) in asks.items():
        try:
            lost = ask() != expected
        except NotInStoreError:
            lost = True
        except StoreError as error:
            wrong[verb] = str(error)
            continue
        if lost and "put" not in wrong:  # what was not written cannot be read or listed
            wrong[verb] = _LOST.format(place=place)
    return wrong
