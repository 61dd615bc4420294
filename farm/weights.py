"""Weights of a model: are they safetensors, whole, which ones does a pipeline need, and which ones are they."""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from farm.files import INDEX, SUFFIXES, ModelFiles

#: What pickled weights end in; loading them can run code, so the farm refuses them.
PICKLED = (".bin", ".ckpt", ".pt", ".pth")
#: Longest header of a safetensors file, as the format's own reader has it.
_HEADER = 100_000_000
_WEIGHTS, _SHARDS = ".safetensors", ".safetensors.index."


def fault(files: ModelFiles, path: str) -> str | None:
    """What is wrong with a safetensors file, as a sentence; None when its header and its length agree.

    Format: 8 bytes of length, little-endian; a JSON header of that length with the offsets of each tensor; the data.
    """
    size = files.sizes[path]
    length = int.from_bytes(files.read(path, 0, min(8, size)), "little")
    if size < 8 or not 2 <= length <= min(_HEADER, size - 8):  # noqa: PLR2004 the format's own figures
        return "is no safetensors file, or only the beginning of one"
    try:
        tensors: dict[str, Any] = json.loads(files.read(path, 8, 8 + length))
        ends = [tensor["data_offsets"][1] for name, tensor in tensors.items() if name != "__metadata__"]
        end = max(ends, default=0)
    except (ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError):
        return "has a corrupt header"
    if not isinstance(end, int):
        return "has a corrupt header"
    if end != size - 8 - length:
        return f"is truncated or corrupt: its header promises {8 + length + end} bytes, and there are {size}"
    return None


def component_fault(files: ModelFiles, component: str, variant: str | None = None) -> str | None:
    """What keeps the weights of a component from being loaded, or None."""
    names = _names(files, component)
    weights = [name for name in names if name.endswith(_WEIGHTS)]
    if not weights:
        pickled = [name for name in names if name.endswith(PICKLED)]
        held = f"holds only {pickled[0]}" if pickled else "holds no weights"
        return f"{held}: the farm loads safetensors only"
    faults = ((name, fault(files, f"{component}/{name}")) for name in weights)
    broken = next(((name, why) for name, why in faults if why), None)
    if broken:
        return f"has a broken file: {broken[0]} {broken[1]}"
    return _variant_fault(weights, variant) or _shard_fault(files, component, names, variant)


def _names(files: ModelFiles, component: str) -> list[str]:
    """Names of the files of a component."""
    return [path.partition("/")[2] for path in sorted(files.sizes) if path.startswith(f"{component}/")]


def variant_of(name: str) -> str | None:
    """The variant in the name of a file of weights, or of an index of shards; None of the plain ones."""
    if _SHARDS in name:
        return name.partition(_SHARDS)[2].removesuffix("json").rstrip(".") or None
    return name.split(".")[1].split("-", maxsplit=1)[0] if name.count(".") > 1 else None


def _variant_fault(weights: list[str], variant: str | None) -> str | None:
    found = {variant_of(name) for name in weights}
    if variant not in found and variant is not None:
        return f"has no weights of the variant {variant}"
    if variant not in found:
        return f"has weights of the variant {min(filter(None, found))} only: set render.variant to it"
    return None


def _shard_fault(files: ModelFiles, component: str, names: Sequence[str], variant: str | None) -> str | None:
    for index in (name for name in names if _SHARDS in name and variant_of(name) == variant):
        try:
            shards = set(json.loads(files.read(f"{component}/{index}"))["weight_map"].values())
        except (ValueError, KeyError, TypeError, AttributeError):
            return f"has a corrupt index, {index}"
        missing = sorted(str(shard) for shard in shards if shard not in names)
        if missing:
            return f"lacks the shard {missing[0]}"
    return None


def needed(files: ModelFiles, index: Mapping[str, Any], variant: str | None = None) -> list[str]:
    """The files that a pipeline reads, in order: no other variant, no pickles, nothing that its index does not name.

    Args:
        files: of the model.
        index: its ``model_index.json``.
        variant: of the weights; a component that has none of it is loaded plain, as diffusers does.
    """
    return [INDEX, *(path for name in sorted(components(index)) for path in _needed(files, name, variant))]


def components(index: Mapping[str, Any]) -> dict[str, list[Any]]:
    """The components that an index names, with their library and class."""
    found = {name: value for name, value in index.items() if not name.startswith("_") and isinstance(value, list)}
    return {name: value for name, value in found.items() if value and value[0] is not None}


def _needed(files: ModelFiles, component: str, variant: str | None) -> Iterator[str]:
    names = [name for name in _names(files, component) if name.endswith(SUFFIXES)]
    weights = [name for name in names if name.endswith(_WEIGHTS) or _SHARDS in name]
    chosen = variant if variant in {variant_of(name) for name in weights} else None
    for name in names:
        if name not in weights or variant_of(name) == chosen:
            yield f"{component}/{name}"


def fingerprint(files: ModelFiles) -> str:
    """A hash of a model's content, 40 hex digits: what stands in for a revision.

    Of a folder, configurations and tokenizers enter whole, large weights by their size, header and evenly spaced
    samples, so that a model of many gigabytes is told from its retrained sister in a second; of a bucket, every file
    by its size and its tag.
    """
    digest = hashlib.blake2b(digest_size=20)
    for path, size in sorted(files.sizes.items()):
        if path.endswith(SUFFIXES):
            digest.update(f"{path}\0{size}\0".encode())
            for block in files.sample(path):
                digest.update(block)
    return digest.hexdigest()
