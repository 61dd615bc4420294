"""Prompt embeddings that were already made: a prompt of eight seeds and five step counts is encoded once."""

import inspect
import re
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import chain
from typing import Any

from workers.replace import replaced

#: Prompts remembered per pipeline; one of FLUX's weighs 4 MB.
LIMIT = 256
#: Bytes remembered per pipeline: they lie in the device's memory.
BYTES = 512 << 20
#: Pipelines whose `encode_prompt` answers one row per prompt, in tensors or lists; True marks those, the others are the
#: same for every prompt. Any other pipeline remembers whole calls: it may pad prompts to the longest of a batch.
ROWS: dict[str, tuple[bool, ...]] = {
    "StableDiffusionPipeline": (True, True),
    "LatentConsistencyModelPipeline": (True, True),
    "StableDiffusionXLPipeline": (True,) * 4,
    "StableDiffusion3Pipeline": (True,) * 4,
    "FluxPipeline": (True, True, False),
    "PixArtAlphaPipeline": (True,) * 4,
    "PixArtSigmaPipeline": (True,) * 4,
    "SanaPipeline": (True,) * 4,
    "AuraFlowPipeline": (True,) * 4,
    "Lumina2Pipeline": (True,) * 4,
    "ZImagePipeline": (True, True),
}
#: Arguments of `encode_prompt` that hold one item per prompt; other lists are the same for every prompt, such as what
#: Sana tells its encoder to do.
_PER_PROMPT = re.compile(r"(negative_)?prompt(_\d)?")

Encode = Callable[..., Any]


class EmbedCache:
    """Answers of one pipeline's `encode_prompt`, least recently used out first.

    Args:
        limit: answers to keep.
        size: bytes to keep.
    """

    def __init__(self, limit: int = LIMIT, size: int = BYTES) -> None:
        self._limit, self._size = limit, size
        self._known: OrderedDict[Any, Any] = OrderedDict()
        self._bytes = 0
        #: Prompts, or whole calls, that had to be encoded.
        self.misses = 0

    @contextmanager
    def attached(self, pipe: Any) -> Iterator[None]:
        """While this is open the pipeline encodes only what is not remembered."""
        if not callable(getattr(pipe, "encode_prompt", None)):
            yield
            return
        rows = ROWS.get(type(pipe).__name__)

        def encode_prompt(original: Encode, *args: Any, **kwargs: Any) -> Any:
            """The answer, encoded only where it is not remembered."""
            return self._answer(original, rows, inspect.signature(original).bind(*args, **kwargs).arguments)

        with replaced(pipe, "encode_prompt", encode_prompt):
            yield

    def clear(self) -> None:
        """Forget everything: the device needs the memory."""
        self._known.clear()
        self._bytes = 0

    def _answer(self, encode: Encode, rows: tuple[bool, ...] | None, given: dict[str, Any]) -> Any:
        key = _frozen(given)
        if key is None:
            return encode(**given)
        found = ((name, value) for name, value in given.items() if _PER_PROMPT.fullmatch(name))
        lists = {name: value for name, value in found if isinstance(value, list)}
        if rows is None or "prompt" not in lists or len({len(value) for value in lists.values()}) != 1:
            return self._remembered(key, lambda: encode(**given))
        return self._by_row(encode, rows, given, lists)

    def _by_row(self, encode: Encode, rows: tuple[bool, ...], given: dict[str, Any], lists: dict[str, Any]) -> Any:
        """Encode the prompts that are not remembered in one call, and put every prompt's row in its place."""
        shared = _frozen({name: value for name, value in given.items() if name not in lists})
        keys = [(shared, tuple(lists), row) for row in zip(*lists.values(), strict=True)]
        answers = {key: self._known[key] for key in keys if key in self._known}
        missing = [key for key in dict.fromkeys(keys) if key not in answers]
        if missing:
            columns = zip(*(row for _, _, row in missing), strict=True)
            made = encode(**given | {name: list(column) for name, column in zip(lists, columns, strict=True)})
            if len(made) != len(rows):
                return made if len(missing) == len(keys) else encode(**given)
            self.misses += len(missing)
            answers |= {key: _row(made, rows, index) for index, key in enumerate(missing)}
        for key in dict.fromkeys(keys):
            self._store(key, answers[key])
        return _joined([answers[key] for key in keys], rows)

    def _remembered(self, key: Any, make: Callable[[], Any]) -> Any:
        if key not in self._known:
            self.misses += 1
        value = self._known[key] if key in self._known else make()
        self._store(key, value)
        return value

    def _store(self, key: Any, value: Any) -> None:
        if key not in self._known:
            self._known[key] = value
            self._bytes += _weight(value)
        self._known.move_to_end(key)
        while len(self._known) > self._limit or self._bytes > self._size:
            self._bytes -= _weight(self._known.popitem(last=False)[1])


def _weight(value: Any) -> int:
    """Bytes of all tensors of an answer."""
    if isinstance(value, list | tuple):
        return sum(map(_weight, value))
    return int(value.numel() * value.element_size()) if hasattr(value, "element_size") else 0


def _frozen(given: dict[str, Any]) -> Any:
    """The arguments as a key, or None where one of them has no value of its own, such as a tensor."""
    items = []
    for name, value in given.items():
        plain = tuple(value) if isinstance(value, list) else value
        simple = plain if isinstance(plain, tuple) else (plain,)
        if not all(item is None or isinstance(item, str | int | float) or _is_device(item) for item in simple):
            return None
        items.append((name, str(plain) if _is_device(plain) else plain))
    return tuple(items)


def _is_device(value: Any) -> bool:
    return type(value).__name__ == "device"


def _row(made: Any, rows: tuple[bool, ...], index: int) -> tuple[Any, ...]:
    """One prompt's share of an answer; its own memory, so that the rest of the batch can go."""
    return tuple(
        _at(value, index) if per_prompt and value is not None else value
        for value, per_prompt in zip(made, rows, strict=True)
    )


def _at(value: Any, index: int) -> Any:
    """One prompt's rows of a tensor, or its items of a list."""
    if isinstance(value, list):
        return [item.clone() for item in value[index : index + 1]]
    return value[index : index + 1].clone()


def _joined(answers: list[tuple[Any, ...]], rows: tuple[bool, ...]) -> tuple[Any, ...]:
    """The answer for a batch from the answers for its prompts."""
    first = answers[0]
    return tuple(
        _together([answer[place] for answer in answers]) if per_prompt and first[place] is not None else first[place]
        for place, per_prompt in enumerate(rows)
    )


def _together(values: list[Any]) -> Any:
    import torch

    return list(chain.from_iterable(values)) if isinstance(values[0], list) else torch.cat(values)
