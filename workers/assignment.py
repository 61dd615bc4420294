"""A step of Celery's consumer that serves the queue the coordinator assigns, and no other."""

from typing import Any, ClassVar

from celery import bootsteps

from farm.queue import NO_QUEUE
from workers.heart import Heart

#: Seconds between two looks at the assignment.
INTERVAL = 0.25


class Assignment(bootsteps.StartStopStep):  # type: ignore[misc]  # Celery has no types
    """Follows the assignment in the event loop's own thread; level-triggered, so a lost look changes nothing."""

    requires: ClassVar[set[str]] = {"celery.worker.consumer.tasks:Tasks"}
    #: Set by `following`.
    heart: ClassVar[Heart]

    def __init__(self, consumer: Any, **options: Any) -> None:
        super().__init__(consumer, **options)
        self._timer: Any = None

    def start(self, consumer: Any) -> None:
        """Begin to look, also after the connection was lost."""
        self._timer = consumer.timer.call_repeatedly(INTERVAL, self.follow, (consumer,))

    def stop(self, consumer: Any) -> None:  # noqa: ARG002 Celery's signature
        """Look no more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def follow(self, consumer: Any) -> None:
        """Make the queues that are consumed those that are wanted."""
        wanted = self.heart.wanted
        served = [name for name in consumer.app.amqp.queues.consume_from if name != NO_QUEUE]
        for name in served:
            if name != wanted:
                consumer.cancel_task_queue(name)
        if wanted and wanted not in served:
            consumer.add_task_queue(wanted)
        self.heart.serving = wanted


def following(heart: Heart) -> type[Assignment]:
    """The step for one worker's heart."""
    return type("Assignment", (Assignment,), {"heart": heart})
