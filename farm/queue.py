"""The Celery app, its settings with their reasons, and how a range becomes a message.

A message is a hint: ``job_id, start, stop``. The ledger decides what it is worth, so a message may be lost, late or
doubled, and nothing here tries to prevent that at the price of speed.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from farm.errors import LedgerError
from farm.ledger.boundary import place_of_url
from farm.plan.ranges import WorkRange
from farm.settings import Settings

if TYPE_CHECKING:
    from celery import Celery

#: The one task of the farm: render a range.
TASK = "farm.render"
#: Queue of a worker that has no assignment yet; nothing is ever sent to it.
NO_QUEUE = "unassigned"

#: Seconds. A message that is restored late is a double, which the ledger refuses; an early restore would only add
#: doubles of long ranges (measured: five runs of one task).
_VISIBILITY = 7 * 24 * 3600

SETTINGS: dict[str, Any] = {
    # A pickle from the broker would run anybody's code.
    "accept_content": ["json"],
    "task_serializer": "json",
    "result_serializer": "json",
    # Truth is in the ledger: no results, no chords, and five Redis commands less per message.
    "task_ignore_result": True,
    "result_backend": None,
    # Acknowledged when received: recovery is the lease's, and a late acknowledgement renders a long range twice.
    "task_acks_late": False,
    "task_acks_on_failure_or_timeout": True,
    "task_reject_on_worker_lost": False,
    # One child per device, started afresh: CUDA does not survive a fork.
    "worker_pool": "prefork",
    "worker_pool_start_method": "spawn",
    "worker_concurrency": 1,
    # A worker takes a range when it can start it, so that the others are not kept waiting.
    "worker_prefetch_multiplier": 1,
    "worker_disable_prefetch": True,
    # An image may take minutes and a farm runs for weeks: children are not replaced, tasks are not timed out.
    "worker_max_tasks_per_child": None,
    "task_time_limit": None,
    "task_soft_time_limit": None,
    # A small ACL suffices without these, and the ledger knows more than they do.
    "worker_enable_remote_control": False,
    "worker_send_task_events": False,
    "task_send_sent_event": False,
    # Logs of the farm stay the farm's.
    "worker_hijack_root_logger": False,
    "worker_redirect_stdouts": False,
    # Redis may be away for a night: never stop trying (Celery gives up after 100 attempts).
    "broker_connection_retry": True,
    "broker_connection_retry_on_startup": True,
    "broker_connection_max_retries": None,
    # A Redis whose disk or memory is full answers, and refuses: as good as away.
    "broker_channel_error_retry": True,
    # Ranges in hand are finished when the broker is lost: their leases are the ledger's.
    "worker_cancel_long_running_tasks_on_connection_loss": False,
    # Direct queues by name: no bindings, so a FLUSHALL under a running worker changes nothing.
    "task_default_exchange_type": "direct",
    "task_default_queue": NO_QUEUE,
    "task_create_missing_queues": True,
    "task_protocol": 2,
    "enable_utc": True,
    # Names of settings are this version's: nothing is read from old spellings.
    "task_publish_retry": False,
}


def transport_options(prefix: str) -> dict[str, Any]:
    """Options of kombu's Redis transport."""
    return {
        "global_keyprefix": f"{prefix}:b:",  # scopes the broker's ACL, and keeps two farms apart
        "visibility_timeout": _VISIBILITY,
        "priority_steps": [0],  # priority is decided at dispatch: one list per queue instead of four
        "client_name": "stepfarm-broker",  # as CLIENT LIST shows it
        "socket_timeout": 30,  # a half-open socket would hang for ever
        "socket_connect_timeout": 5,
        "socket_keepalive": True,
        "health_check_interval": 10,
        "retry_on_timeout": False,
        "fanout_prefix": True,
        "fanout_patterns": True,
    }


def broker_url(url: str) -> str:
    """The address as kombu spells it: a socket of this machine has a scheme and a word for databases of its own."""
    if not url.startswith("unix://"):
        return url
    return f"redis+socket{url.removeprefix('unix')}".replace("?db=", "?virtual_host=")


def make_app(settings: Settings) -> "Celery":
    """The Celery app of a farm; raises `ServiceError` when no Redis is set."""
    from celery import Celery

    app = Celery("stepfarm", broker=broker_url(settings.require_redis_url()), set_as_current=False)
    app.conf.update(SETTINGS)
    app.conf.broker_transport_options = transport_options(settings.prefix)
    return app


def send(app: "Celery", queue: str, ranges: Iterable[WorkRange]) -> int:
    """Send one message per range to a queue; how many were sent.

    Raises:
        LedgerError: Redis cannot be reached. Ranges whose message was not sent stay outstanding; the sweep sends them.
    """
    from kombu.exceptions import OperationalError
    from redis.exceptions import RedisError

    sent = 0
    try:
        with app.producer_or_acquire() as producer:
            for rng in ranges:
                app.send_task(TASK, args=rng.to_message(), queue=queue, producer=producer, retry=False)
                sent += 1
    except (OperationalError, RedisError, OSError) as error:
        where = place_of_url(app.conf.broker_url)
        raise LedgerError(f"Redis at {where} takes no messages: check that it runs, and FARM_REDIS_URL.") from error
    return sent


def message_key(prefix: str, queue: str) -> str:
    """The Redis list that holds a queue's messages."""
    return f"{prefix}:b:{queue}"
