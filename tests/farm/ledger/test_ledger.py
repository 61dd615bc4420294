from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from farm.errors import LedgerError, ServiceError
from farm.ledger.ledger import Ledger
from farm.ledger.values import GroupEntry, JobEntry, Lease, Signal
from farm.settings import Settings

OwnRedis = Any


def test_no_redis_set_says_what_to_do() -> None:
    """A person without a farm learns how to get one."""
    with pytest.raises(ServiceError, match="farm up"):
        Ledger.connect(Settings())


def test_an_unreachable_redis_says_where() -> None:
    """Host, port and what to check, no password."""
    url = SecretStr("redis://:hush@127.0.0.1:1/0")
    with pytest.raises(LedgerError, match=r"Redis at 127\.0\.0\.1:1 cannot be reached") as caught:
        Ledger.connect(Settings(redis_url=url))
    assert "hush" not in str(caught.value)


def test_a_wrong_password_says_so(redis_settings: Settings) -> None:
    """The password is refused, and not shown."""
    host = redis_settings.require_redis_url().rpartition("@")[2]
    for user, words in [(":wrong-word@", "refuses the user or the password"), ("", "wants a password")]:
        with pytest.raises(LedgerError, match=words) as caught:
            Ledger.connect(Settings(redis_url=SecretStr(f"redis://{user}{host}")))
        assert "wrong-word" not in str(caught.value)


def test_an_address_that_is_none_is_refused() -> None:
    """Whatever the client library cannot read is a sentence too."""
    with pytest.raises(LedgerError, match="no Redis address"):
        Ledger.connect(Settings(redis_url=SecretStr("redis://:hush@box/0?socket_timeout=soon")))


def test_a_socket_is_an_address_too(tmp_path: Path) -> None:
    """A Redis of this machine may listen on a file."""
    with pytest.raises(LedgerError, match=f"Redis at {tmp_path}/redis.sock cannot be reached"):
        Ledger.connect(Settings(redis_url=SecretStr(f"unix://{tmp_path}/redis.sock")))


def test_a_ledger_takes_prefix_and_lease_from_the_settings(redis_settings: Settings) -> None:
    """Two farms can share a server; tests make leases short."""
    ledger = Ledger.connect(redis_settings.model_copy(update={"lease": 7.0}))
    assert (ledger.prefix, ledger.lease) == (redis_settings.prefix, 7.0)
    ledger.redis.close()


def test_a_restart_of_redis_begins_an_epoch_and_takes_nothing(own_redis: OwnRedis) -> None:
    """After a restart over the append-only file the worker keeps its lease, and tokens go on to order."""
    ledger = Ledger.connect(own_redis.settings)
    before, _ = ledger.ensure_epoch()
    job = JobEntry("mugs", "mugs", 8, (GroupEntry(0, 0, 8, "red"),), submitted_at=1.0)
    ledger.open(job)
    first = ledger.dispatch("mugs", 0, 4)
    assert first is not None
    lease = ledger.claim(first, worker="w1")
    assert isinstance(lease, Lease)
    own_redis.stop()
    own_redis.start()
    after, new = ledger.ensure_epoch()
    assert new
    assert after > before
    assert ledger.entry("mugs") == job
    from farm.ledger.values import Progress

    assert ledger.renew(lease, worker="w1", progress=Progress(1, "rendering")) is Signal.CONTINUE
    second = ledger.dispatch("mugs", 0, 4)
    assert second is not None
    later = ledger.claim(second, worker="w2")
    assert isinstance(later, Lease)
    assert later.token > lease.token
    assert ledger.commit(lease, 0, 4, seconds=0, price=None) == [0, 1, 2, 3]
    ledger.redis.close()


def test_a_connection_says_whose_it_is(redis_settings: Settings) -> None:
    """`CLIENT LIST` tells a coordinator from a worker, so that a person sees who asks what."""
    ledger = Ledger.connect(redis_settings, name="coordinator")
    assert ledger.redis.client_getname() == "stepfarm-coordinator"
    ledger.redis.close()


@pytest.mark.parametrize("words", ["out of memory", "read-only replica"])
def test_a_server_that_takes_nothing_is_still_read(own_redis: OwnRedis, words: str) -> None:
    """A job's user hears why it waits from the very server that refuses the farm."""
    ledger = Ledger.connect(own_redis.settings)
    ledger.open(JobEntry("mugs", "mugs", 8, (GroupEntry(0, 0, 8, "red"),), submitted_at=1.0))
    assert ledger.refusal() is None
    if words == "out of memory":
        ledger.redis.config_set("maxmemory", "1")
    else:
        ledger.redis.slaveof("127.0.0.1", 1)
    again = Ledger.connect(own_redis.settings)
    assert again.status("mugs") is not None
    assert words in str(again.refusal())
    with pytest.raises(LedgerError, match=words):
        again.ensure_epoch()
    for each in (ledger, again):
        each.redis.close()
