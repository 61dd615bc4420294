"""``job.json``: a plan as one deterministic JSON document, and its factors inline or in parts."""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from farm.errors import DamagedError
from farm.manifest.space import Factor, Space
from farm.plan.order import Segments
from farm.plan.rows import ORIGIN, PartColumn, Parts, Writer, columns_of, is_long

#: Format of the document; a farm refuses one that it does not know.
VERSION = 2
#: Rows of a column that are hashed together.
_ROWS = 10_000


def canonical(value: Any) -> bytes:
    """The one JSON text of a value."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return text.encode()


def seal(body: Mapping[str, Any]) -> bytes:
    """A document with its own hash in it."""
    return canonical({**body, "sha256": body_hash(body)})


def body_hash(body: Mapping[str, Any]) -> str:
    """The hash that seals a document, in hex."""
    return hashlib.sha256(canonical(body)).hexdigest()


def unseal(data: bytes) -> dict[str, Any]:
    """The body of a document; raises `DamagedError` when it is damaged or of another version."""
    try:
        body: dict[str, Any] = json.loads(data)
        sha256 = body.pop("sha256")
    except (ValueError, KeyError, AttributeError, TypeError):
        raise DamagedError("The job's job.json in the store is no plan: submit the job again.") from None
    if body.get("version") != VERSION:
        raise DamagedError(f"The job's plan has version {body.get('version')}, and this farm reads version {VERSION}.")
    if body_hash(body) != sha256:
        raise DamagedError("The job's job.json in the store is damaged: its hash does not fit it.")
    return body


def render_hash(space: Space, output: Mapping[str, Any]) -> str:
    """A short hash of everything that decides the pictures and where they go: what a job id ends in.

    Args:
        space: resolved, in the user's order.
        output: the ``output`` section.
    """
    digest = hashlib.blake2b(digest_size=6)
    digest.update(canonical([space.constants, output]))
    for factor in space.factors:
        for name in sorted(factor.columns):
            for piece in _pieces(name, factor.columns[name]):
                digest.update(piece)
    return digest.hexdigest()


def _pieces(name: str, values: Sequence[Any]) -> Iterator[bytes]:
    """The canonical text of ``[name, values]``, some rows at a time."""
    if isinstance(values, range):
        yield canonical([name, _packed(values)])
        return
    yield canonical([name, []])[:-2]
    for start in range(0, len(values), _ROWS):
        yield b"," * bool(start) + canonical(list(values[start : start + _ROWS]))[1:-1]
    yield b"]]"


def _packed(values: Sequence[Any]) -> Any:
    return {"range": [values.start, values.stop, values.step]} if isinstance(values, range) else list(values)


def _unpacked(value: Any) -> Sequence[Any]:
    return range(*value["range"]) if isinstance(value, dict) else value


def pack_factors(factors: Sequence[Factor], segments: Sequence[Segments]) -> tuple[list[dict[str, Any]], Writer]:
    """Factors in execution order as JSON, and the parts of the long ones; `with_hashes` completes the JSON."""
    long = [is_long(factor) for factor in factors]
    writer = Writer([factor for factor, apart in zip(factors, long, strict=True) if apart])
    packed: list[dict[str, Any]] = []
    first, bounds_of = 0, iter(writer.bounds)
    for factor, within, apart in zip(factors, segments, long, strict=True):
        entry: dict[str, Any] = {"size": len(factor), "segments": within}
        if apart:
            bounds = next(bounds_of)
            entry["parts"] = {"first": first, "columns": list(columns_of(factor)), "bounds": bounds}
            first += len(bounds) - 1
        else:
            entry["columns"] = {name: _packed(values) for name, values in factor.columns.items()}
            entry["origin"] = None if factor.origin is None else list(factor.origin)
        packed.append(entry)
    return packed, writer


def with_hashes(entry: Mapping[str, Any], writer: Writer) -> Mapping[str, Any]:
    """A factor's JSON with the hashes of its parts; one that was read has them."""
    parts = entry.get("parts")
    if parts is None or "sha256" in parts:
        return entry
    numbers = range(parts["first"], parts["first"] + len(parts["bounds"]) - 1)
    return {**entry, "parts": {**parts, "sha256": [writer.sha256(number) for number in numbers]}}


def unpack_factor(entry: Mapping[str, Any], read: Callable[[int], bytes]) -> Factor:
    """A factor from its JSON.

    Args:
        entry: as `with_hashes` completed it.
        read: number of a part of the job -> its bytes.
    """
    if "columns" in entry:
        return Factor({name: _unpacked(value) for name, value in entry["columns"].items()}, entry["origin"])
    first, hashes = entry["parts"]["first"], entry["parts"]["sha256"]

    def load(number: int) -> bytes:
        """A part of this factor, whole."""
        data = read(first + number)
        if hashlib.sha256(data).hexdigest() != hashes[number]:
            raise DamagedError(f"Part {first + number} of the job's rows is damaged: its hash does not fit it.")
        return data

    parts = Parts(load, entry["parts"]["bounds"])
    columns = {name: PartColumn(parts, name) for name in entry["parts"]["columns"]}
    origin = columns.pop(ORIGIN, None)
    return Factor(columns, origin)
