"""``job.json``: a plan as one deterministic JSON document, and its factors inline or in parts."""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from farm.errors import DamagedError
from farm.manifest.space import Factor, Space
from farm.plan.order import Segments
from farm.plan.rows import ORIGIN, PartColumn, Parts, is_long, write_parts

#: Format of the document; a farm refuses one that it does not know.
VERSION = 1


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
            digest.update(canonical([name, _packed(factor.columns[name])]))
    return digest.hexdigest()


def _packed(values: Sequence[Any]) -> Any:
    return {"range": [values.start, values.stop, values.step]} if isinstance(values, range) else list(values)


def _unpacked(value: Any) -> Sequence[Any]:
    return range(*value["range"]) if isinstance(value, dict) else value


def pack_factors(factors: Sequence[Factor], segments: Sequence[Segments]) -> tuple[list[dict[str, Any]], list[bytes]]:
    """Factors in execution order as JSON, and the parts of the long ones."""
    packed: list[dict[str, Any]] = []
    parts: list[bytes] = []
    for factor, bounds in zip(factors, segments, strict=True):
        entry: dict[str, Any] = {"size": len(factor), "segments": bounds}
        if is_long(factor):
            own = write_parts(factor)
            names = [*factor.columns, *([] if factor.origin is None else [ORIGIN])]
            hashes = [hashlib.sha256(part).hexdigest() for part in own]
            entry["parts"] = {"first": len(parts), "columns": names, "sha256": hashes}
            parts += own
        else:
            entry["columns"] = {name: _packed(values) for name, values in factor.columns.items()}
            entry["origin"] = None if factor.origin is None else list(factor.origin)
        packed.append(entry)
    return packed, parts


def unpack_factor(entry: Mapping[str, Any], read: Callable[[int], bytes]) -> Factor:
    """A factor from its JSON.

    Args:
        entry: as `pack_factors` made it.
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

    parts = Parts(load)
    columns = {name: PartColumn(parts, name, entry["size"]) for name in entry["parts"]["columns"]}
    origin = columns.pop(ORIGIN, None)
    return Factor(columns, origin)
