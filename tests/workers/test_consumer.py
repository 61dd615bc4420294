import logging
import time

import pytest
from celery.worker import state

from workers import consumer
from workers.consumer import PatientConsumer


@pytest.mark.parametrize(("stop", "waits"), [(None, True), (0, False)])
def test_a_redis_that_refuses_is_asked_now_and_then(
    stop: int | None, *, waits: bool, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Not five times a second, with a line each; a worker that is to end does not wait."""
    monkeypatch.setattr(consumer, "PATIENCE", 0.2)
    monkeypatch.setattr(state, "should_stop", stop)
    began = time.monotonic()
    with caplog.at_level(logging.INFO):
        PatientConsumer.__new__(PatientConsumer).on_connection_error_before_connected(OSError("no memory"))
    assert (time.monotonic() - began >= 0.2) is waits
    assert not caplog.records
