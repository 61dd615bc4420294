"""Weights of a local model folder: are they safetensors, whole, and which ones are they."""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

#: What pickled weights end in; loading them can run code, so the farm refuses them.
PICKLED = (".bin", ".ckpt", ".pt", ".pth")
#: Longest header of a safetensors file, as the format's own reader has it.
_HEADER = 100_000_000
_SUFFIXES = (".safetensors", ".json", ".txt", ".model")
#: A file up to this size enters a fingerprint whole, a larger one by samples.
_WHOLE = 64 << 20
_SAMPLE, _SAMPLES = 1 << 20, 16


def fault(path: Path) -> str | None:
    """What is wrong with a safetensors file, as a sentence; None when its header and its length agree.

    Format: 8 bytes of length, little-endian; a JSON header of that length with the offsets of each tensor; the data.
    """
    size = path.stat().st_size
    with path.open("rb") as stream:
        length = int.from_bytes(stream.read(8), "little")
        if size < 8 or not 2 <= length <= min(_HEADER, size - 8):  # noqa: PLR2004 the format's own figures
            return "is no safetensors file, or only the beginning of one"
        header = stream.read(length)
    try:
        tensors: dict[str, Any] = json.loads(header)
        ends = [tensor["data_offsets"][1] for name, tensor in tensors.items() if name != "__metadata__"]
        end = max(ends, default=0)
    except (ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError):
        return "has a corrupt header"
    if not isinstance(end, int):
        return "has a corrupt header"
    if end != size - 8 - length:
        return f"is truncated or corrupt: its header promises {8 + length + end} bytes, and there are {size}"
    return None


def component_fault(folder: Path, variant: str | None = None) -> str | None:
    """What keeps the weights in a component's folder from being loaded, or None."""
    names = sorted(path.name for path in folder.iterdir() if path.is_file())
    weights = [name for name in names if name.endswith(".safetensors")]
    if not weights:
        pickled = [name for name in names if name.endswith(PICKLED)]
        held = f"holds only {pickled[0]}" if pickled else "holds no weights"
        return f"{held}: the farm loads safetensors only"
    faults = ((name, fault(folder / name)) for name in weights)
    broken = next(((name, why) for name, why in faults if why), None)
    if broken:
        return f"has a broken file: {broken[0]} {broken[1]}"
    return _variant_fault(weights, variant) or _shard_fault(folder, names)


def _variant_fault(weights: list[str], variant: str | None) -> str | None:
    variants = {name.split(".")[1].split("-")[0] for name in weights if name.count(".") > 1}
    plain = [name for name in weights if name.count(".") == 1]
    if variant is not None and variant not in variants:
        return f"has no weights of the variant {variant}"
    if variant is None and not plain:
        return f"has weights of the variant {min(variants)} only: set render.variant to it"
    return None


def _shard_fault(folder: Path, names: list[str]) -> str | None:
    for index in (name for name in names if name.endswith(".safetensors.index.json")):
        try:
            shards = set(json.loads((folder / index).read_bytes())["weight_map"].values())
        except (ValueError, KeyError, TypeError, AttributeError):
            return f"has a corrupt index, {index}"
        missing = sorted(str(shard) for shard in shards if shard not in names)
        if missing:
            return f"lacks the shard {missing[0]}"
    return None


def fingerprint(folder: Path) -> str:
    """A hash of a model folder's content: what stands in for a revision.

    Configurations and tokenizers enter whole, large weights by their size, header and evenly spaced samples, so that a
    model of many gigabytes is told from its retrained sister in a second.
    """
    digest = hashlib.blake2b(digest_size=20)
    for path in sorted(_files(folder), key=lambda path: path.relative_to(folder).as_posix()):
        size = path.stat().st_size
        digest.update(f"{path.relative_to(folder).as_posix()}\0{size}\0".encode())
        for block in _blocks(path, size):
            digest.update(block)
    return digest.hexdigest()


def _files(folder: Path) -> Iterator[Path]:
    """``model_index.json`` and what lies in the components' folders."""
    yield folder / "model_index.json"
    for inner in folder.iterdir():
        if inner.is_dir() and not inner.name.startswith((".", "_")):
            yield from (path for path in inner.iterdir() if path.suffix in _SUFFIXES and path.is_file())


def _blocks(path: Path, size: int) -> Iterator[bytes]:
    with path.open("rb") as stream:
        if size <= _WHOLE:
            while block := stream.read(_SAMPLE):
                yield block
            return
        for number in range(_SAMPLES + 1):
            stream.seek(number * (size - _SAMPLE) // _SAMPLES)
            yield stream.read(_SAMPLE)
