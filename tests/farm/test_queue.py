import base64
import json
from collections.abc import Iterator
from typing import Any

import pytest
from celery import Celery
from pydantic import SecretStr
from redis import exceptions

from farm.errors import LedgerError, ServiceError
from farm.ledger.ledger import Ledger
from farm.plan.ranges import WorkRange
from farm.queue import TASK, broker_url, make_app, message_key, send
from farm.settings import Settings

RANGES = [WorkRange("mugs", 0, 32), WorkRange("mugs", 32, 64)]


@pytest.fixture
def app(redis_settings: Settings) -> Iterator[Celery]:
    """The Celery app of the test's farm."""
    found = make_app(redis_settings)
    yield found
    found.close()


def test_a_range_is_a_message_of_three_values(app: Celery, ledger: Ledger) -> None:
    """On the wire a message is job_id, start and stop for one task, in JSON."""
    assert send(app, "pipeline-a", RANGES) == 2
    raw: Any = ledger.redis.rpop(message_key(ledger.prefix, "pipeline-a"))
    message = json.loads(raw)
    assert message["headers"]["task"] == TASK
    assert message["content-type"] == "application/json"
    assert json.loads(base64.b64decode(message["body"]))[:2] == [["mugs", 0, 32], {}]


def test_messages_are_consumed_in_the_order_they_were_sent(app: Celery) -> None:
    """A worker's consumer gets what the coordinator sent, first in first out."""
    send(app, "pipeline-a", RANGES)
    with app.connection_for_read() as connection, connection.SimpleQueue("pipeline-a") as queue:
        messages = [queue.get(timeout=5) for _ in RANGES]
        assert [WorkRange(*message.payload[0]) for message in messages] == RANGES
        for message in messages:
            message.ack()


def test_the_ledger_counts_the_messages(app: Celery, ledger: Ledger) -> None:
    """The sweep sees the broker's own list: nothing hides in a priority's sub-list."""
    send(app, "pipeline-a", RANGES)
    assert ledger.queue_lengths(["pipeline-a", "pipeline-b"]) == {"pipeline-a": 2, "pipeline-b": 0}


def test_every_key_of_the_broker_is_below_its_prefix(app: Celery, ledger: Ledger) -> None:
    """One ACL pattern covers the broker, and two farms share a server."""
    before = {key for key in ledger.redis.scan_iter("*") if not key.startswith(ledger.prefix)}
    send(app, "pipeline-a", RANGES)
    keys = set(ledger.redis.scan_iter("*")) - before
    assert keys
    assert all(key.startswith(f"{ledger.prefix}:") for key in keys)


def test_nothing_is_sent_for_no_ranges(app: Celery, ledger: Ledger) -> None:
    """An empty tick costs no message."""
    assert send(app, "pipeline-a", []) == 0
    assert ledger.queue_lengths(["pipeline-a"]) == {"pipeline-a": 0}


def test_settings_are_those_that_were_measured(app: Celery) -> None:
    """Early acknowledgement, one spawned child, no prefetch, JSON only, no results, and no end to trying again."""
    conf = app.conf
    assert (conf.task_acks_late, conf.worker_pool, conf.worker_concurrency) == (False, "prefork", 1)
    assert (conf.worker_pool_start_method, conf.worker_disable_prefetch) == ("spawn", True)
    assert (conf.accept_content, conf.task_serializer, conf.result_backend) == (["json"], "json", None)
    assert conf.broker_connection_max_retries is None
    assert not conf.worker_enable_remote_control
    assert not conf.worker_send_task_events
    options = conf.broker_transport_options
    assert (options["socket_timeout"], options["socket_connect_timeout"]) == (30, 5)
    assert options["visibility_timeout"] > 24 * 3600
    assert options["client_name"] == "stepfarm-broker"


def test_a_broker_that_is_away_is_one_sentence() -> None:
    """Sending does not hang and does not show a password."""
    app = make_app(Settings(redis_url=SecretStr("redis://:hush@127.0.0.1:1/0")))
    with pytest.raises(LedgerError, match=r"127\.0\.0\.1:1") as caught:
        send(app, "pipeline-a", RANGES)
    assert "hush" not in str(caught.value)
    app.close()


def test_a_connection_that_is_lost_between_two_ranges_is_one_sentence(own_redis: Any) -> None:
    """What was sent was sent; the rest is outstanding, and the sweep sends it."""
    app = make_app(own_redis.settings)

    def cut_off() -> Iterator[WorkRange]:
        yield RANGES[0]
        own_redis.stop()
        yield RANGES[1]

    with pytest.raises(LedgerError, match="takes no messages"):
        send(app, "pipeline-a", cut_off())
    app.close()
    own_redis.start()
    ledger = Ledger.connect(own_redis.settings)
    assert ledger.queue_lengths(["pipeline-a"]) == {"pipeline-a": 1}
    ledger.redis.close()


@pytest.mark.parametrize("error", [exceptions.ConnectionError, exceptions.TimeoutError, exceptions.ReadOnlyError])
def test_what_redis_itself_says_is_one_sentence(
    app: Celery, monkeypatch: pytest.MonkeyPatch, error: type[Exception]
) -> None:
    """Celery does not translate all that its transport may raise."""

    def refuse(*_: Any, **__: Any) -> None:
        raise error("gone")

    monkeypatch.setattr(app, "send_task", refuse)
    with pytest.raises(LedgerError, match="takes no messages"):
        send(app, "pipeline-a", RANGES)


def test_an_app_needs_a_redis() -> None:
    """Without a farm the sentence says how to get one."""
    with pytest.raises(ServiceError, match="farm up"):
        make_app(Settings())


def test_a_socket_of_this_machine_is_a_broker_too() -> None:
    """Kombu has a scheme of its own for it; every other address stays as it is."""
    assert broker_url("unix:///run/redis.sock") == "redis+socket:///run/redis.sock"
    assert broker_url("unix://:pw@/run/redis.sock?db=2") == "redis+socket://:pw@/run/redis.sock?virtual_host=2"
    assert broker_url("rediss://:pw@box:1/2") == "rediss://:pw@box:1/2"
