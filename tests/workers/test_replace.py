import inspect

import pytest

from workers.replace import replaced


class Owner:
    """Has a method."""

    def method(self, value: int, *, eta: float = 0.0) -> float:
        """Add."""
        return value + eta


def test_the_wrapper_stands_in_for_the_method() -> None:
    """It is given the original and the arguments; its signature is the original's."""
    owner = Owner()
    with replaced(owner, "method", lambda original, *args, **kwargs: original(*args, **kwargs) * 10):
        assert owner.method(1, eta=1.0) == 20
        assert "eta" in inspect.signature(owner.method).parameters
        assert Owner().method(1) == 1
    assert owner.method(1) == 1
    assert vars(owner) == {}


def test_the_method_is_back_after_an_error() -> None:
    """Whatever happens inside."""
    owner = Owner()
    with pytest.raises(RuntimeError), replaced(owner, "method", lambda *_: 0):
        raise RuntimeError
    assert vars(owner) == {}


def test_replacements_nest() -> None:
    """The inner one wraps the outer one, and each takes only itself off."""
    owner = Owner()
    with replaced(owner, "method", lambda original, value: original(value) + 1):
        with replaced(owner, "method", lambda original, value: original(value) * 10):
            assert owner.method(1) == 20
        assert owner.method(1) == 2
