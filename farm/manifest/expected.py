"""What a field of a pydantic model takes, in the words of every other error of a manifest."""

from types import NoneType
from typing import Any, Literal, get_args, get_origin

from pydantic.fields import FieldInfo


def expected(info: FieldInfo) -> str:
    """What must stand in a field, such as ``a whole number from 0 to 100``."""
    kinds = [kind for kind in get_args(info.annotation) or (info.annotation,) if kind is not NoneType]
    if get_origin(info.annotation) is Literal:
        return f"one of {', '.join(kinds)}"
    if kinds == [bool]:
        return "true or false"
    if kinds == [int]:
        return f"a whole number from {_bound(info, 'ge'):,} to {_bound(info, 'le'):,}"
    if kinds == [float]:
        return f"a number above {_bound(info, 'gt'):,} and at most {_bound(info, 'le'):,}"
    return "text that is not empty"


def _bound(info: FieldInfo, name: str) -> Any:
    return next(getattr(each, name) for each in info.metadata if hasattr(each, name))
