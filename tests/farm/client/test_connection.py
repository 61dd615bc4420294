import subprocess
import sys

import pytest

from farm.client.connection import Connection
from farm.errors import LedgerError, ServiceError
from farm.local.home import Home
from farm.settings import Settings


def test_nothing_is_connected_before_it_is_needed() -> None:
    """Planning works with no farm at all, so making a connection asks for nothing."""
    Connection(Settings.load()).close()


def test_a_farm_that_is_not_there_says_how_to_get_one() -> None:
    """Redis and the store each name what is missing."""
    connection = Connection(Settings.load())
    with pytest.raises(ServiceError, match="farm up"):
        _ = connection.ledger
    with pytest.raises(ServiceError, match="farm up"):
        _ = connection.store


def test_a_redis_that_does_not_answer_is_named(redis_url: str) -> None:
    """Wrong port, wrong password: each is a sentence without the password."""
    host = redis_url.rpartition("@")[2]
    with pytest.raises(LedgerError, match="password") as wrong:
        _ = Connection(Settings.load(redis_url=f"redis://:sesame@{host}")).ledger
    assert "sesame" not in str(wrong.value)
    with pytest.raises(LedgerError, match=r"127\.0\.0\.1:1 .*cannot be reached"):
        _ = Connection(Settings.load(redis_url="redis://:sesame@127.0.0.1:1/0")).ledger


def test_a_local_farm_that_was_killed_says_how_to_go_on() -> None:
    """What its file leads to does not answer: that file was left behind."""
    settings = Settings.load()
    Home(settings.home).write_settings({"redis_url": "redis://127.0.0.1:1/0", "s3_url": "s3://farm"})
    with pytest.raises(LedgerError, match=f"The farm in {settings.home} is down: `farm up` starts it again"):
        _ = Connection(Settings.load()).ledger


def test_a_closed_connection_opens_again(redis_url: str) -> None:
    """A notebook may close its farm and go on."""
    connection = Connection(Settings.load(redis_url=redis_url))
    first = connection.ledger
    first.ping()
    connection.close()
    assert connection.ledger is not first
    connection.ledger.ping()
    connection.close()


def test_a_ledger_needs_no_store_library() -> None:
    """`status` of a job that Redis knows must not pay for boto3."""
    code = "import farm.client.connection, farm.client.lookup, farm.ledger.ledger, sys; print('boto3' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
