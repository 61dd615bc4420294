from typing import Any

import pytest

from farm.queue import NO_QUEUE
from workers.assignment import INTERVAL, following


class Heart:
    """Wants a queue."""

    def __init__(self) -> None:
        self.wanted: str | None = None
        self.serving: str | None = None


class Timer:
    """Remembers what is called repeatedly."""

    def __init__(self) -> None:
        self.entries: list[Any] = []
        self.cancelled = 0

    def call_repeatedly(self, seconds: float, function: Any, arguments: tuple[Any, ...]) -> "Timer":
        """Take note."""
        self.entries.append((seconds, function, arguments))
        return self

    def cancel(self) -> None:
        """Count."""
        self.cancelled += 1


class Consumer:
    """Celery's consumer, as far as the step looks."""

    def __init__(self, *queues: str) -> None:
        self.app: Any = self
        self.amqp: Any = self
        self.queues: Any = self
        self.consume_from = dict.fromkeys((NO_QUEUE, *queues))
        self.timer = Timer()

    def add_task_queue(self, name: str) -> None:
        """Serve."""
        self.consume_from[name] = None

    def cancel_task_queue(self, name: str) -> None:
        """Serve no more."""
        del self.consume_from[name]


@pytest.fixture
def heart() -> Heart:
    """A heart without an assignment."""
    return Heart()


def follow(heart: Heart, consumer: Consumer) -> set[str]:
    """Look once; the queues that are served."""
    step = following(heart)(consumer)  # type: ignore[arg-type]  # a heart of ours
    step.follow(consumer)
    return set(consumer.consume_from) - {NO_QUEUE}


def test_without_an_assignment_nothing_is_served(heart: Heart) -> None:
    """Only the queue to which nobody sends."""
    assert follow(heart, Consumer()) == set()
    assert heart.serving is None


def test_the_assigned_queue_is_served(heart: Heart) -> None:
    """And the heart says so at its next beat."""
    heart.wanted = "a"
    assert follow(heart, Consumer()) == {"a"}
    assert heart.serving == "a"


def test_another_assignment_takes_its_place(heart: Heart) -> None:
    """One queue at a time."""
    heart.wanted = "b"
    assert follow(heart, Consumer("a")) == {"b"}


def test_what_a_lost_connection_left_behind_is_put_right(heart: Heart) -> None:
    """Celery consumes again what it consumed before: level-triggered, the next look settles it."""
    assert follow(heart, Consumer("a", "b")) == set()
    heart.wanted = "a"
    assert follow(heart, Consumer("a", "b")) == {"a"}


def test_looking_begins_and_ends_with_the_consumer(heart: Heart) -> None:
    """In the event loop's own thread, four times a second."""
    consumer = Consumer()
    step = following(heart)(consumer)  # type: ignore[arg-type]  # a heart of ours
    step.start(consumer)
    ((seconds, function, arguments),) = consumer.timer.entries
    assert (seconds, function, arguments) == (INTERVAL, step.follow, (consumer,))
    step.stop(consumer)
    step.stop(consumer)
    assert consumer.timer.cancelled == 1
