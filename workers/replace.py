"""Put something in place of a method of one object, for a while."""

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def replaced(owner: Any, name: str, wrapper: Callable[..., Any]) -> Iterator[None]:
    """`owner.name(...)` goes through `wrapper(original, ...)`; its signature stays, since pipelines inspect it."""
    original = getattr(owner, name)
    shadowed = owner.__dict__.get(name)

    @functools.wraps(original)
    def method(*args: Any, **kwargs: Any) -> Any:
        return wrapper(original, *args, **kwargs)

    owner.__dict__[name] = method
    try:
        yield
    finally:
        if shadowed is None:
            del owner.__dict__[name]
        else:
            owner.__dict__[name] = shadowed
