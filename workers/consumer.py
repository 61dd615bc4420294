"""Celery's consumer, with the patience it lacks for a Redis that answers and refuses."""

import logging
import threading

from celery.worker import state
from celery.worker.consumer import Consumer

log = logging.getLogger(__name__)

#: Seconds between two tries to consume while Redis refuses.
PATIENCE = 2.0


class PatientConsumer(Consumer):  # type: ignore[misc]  # Celery has no types
    """Waits between two tries: a Redis whose disk or memory is full refuses at once, and Celery asks again at once."""

    def on_connection_error_before_connected(self, exc: Exception) -> None:
        """Wait, unless the worker is to end; the heartbeat has said what is wrong."""
        log.debug("Cannot consume: %s", exc)
        if state.should_stop is None and state.should_terminate is None:
            threading.Event().wait(PATIENCE)
