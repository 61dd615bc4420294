import threading

import pytest

from farm.report.reading import THREADS, ahead


def test_values_come_in_the_order_of_the_names() -> None:
    """Reads overlap, answers do not swap places."""
    first = threading.Event()

    def read(name: int) -> int:
        if name == 0:
            first.wait(5)
        elif name == 1:
            first.set()
        return name * name

    assert list(ahead(read, range(100))) == [name * name for name in range(100)]


def test_no_more_than_a_few_are_read_ahead() -> None:
    """Memory does not follow the number of objects: a reader that stops early has not read them all."""
    asked: list[int] = []
    answers = ahead(asked.append, range(10_000))
    next(answers)
    assert len(asked) <= 3 * THREADS
    answers.close()  # type: ignore[attr-defined]


def test_a_read_that_fails_fails_the_reader() -> None:
    """An error is raised where its object stands in the order."""

    def read(name: int) -> int:
        if name == 3:
            raise OSError("gone")
        return name

    answers = ahead(read, range(9))
    assert [next(answers) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(OSError, match="gone"):
        next(answers)
