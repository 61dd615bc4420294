import pytest
from redis import exceptions

from farm.errors import LedgerError
from farm.ledger.base import LedgerBase
from farm.ledger.boundary import place_of_url, sentence, translated
from farm.ledger.jobs import Jobs
from farm.ledger.leases import Leases
from farm.ledger.ledger import Ledger
from farm.ledger.roster import Roster
from farm.ledger.steering import Steering


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (exceptions.ConnectionError("Connection refused"), "cannot be reached"),
        (exceptions.TimeoutError("Timeout reading from socket"), "did not answer in time"),
        (exceptions.AuthenticationError("invalid username-password pair"), "refuses the password"),
        (exceptions.ResponseError("WRONGPASS invalid username-password pair"), "refuses the password"),
        (exceptions.ResponseError("NOAUTH Authentication required."), "or wants one"),
        (exceptions.NoPermissionError("NOPERM this user has no permissions"), "ACL"),
        (exceptions.ReadOnlyError("READONLY You can't write against a read only replica."), "read-only replica"),
        (exceptions.ResponseError("READONLY You can't write"), "read-only replica"),
        (exceptions.OutOfMemoryError("command not allowed when used memory"), "out of memory"),
        (exceptions.ResponseError("-OOM command not allowed"), "out of memory"),
        (exceptions.BusyLoadingError("LOADING Redis is loading"), "still loading"),
        (exceptions.ResponseError("WRONGTYPE Operation"), "WRONGTYPE Operation"),
    ],
)
def test_every_error_of_redis_has_its_sentence(error: Exception, words: str) -> None:
    """What is wrong, where, and what to check."""
    said = sentence(error, "farm.example:6379")
    assert said.startswith("Redis at farm.example:6379 ")
    assert words in said


def test_errors_are_translated_once() -> None:
    """What leaves the ledger is a LedgerError whose cause is the original."""
    with pytest.raises(LedgerError, match="cannot be reached") as caught, translated("box:1"):
        raise exceptions.ConnectionError("no")
    assert isinstance(caught.value.__cause__, exceptions.ConnectionError)


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("redis://:secret@box:7000/0", "box:7000"),
        ("rediss://user:secret@box", "box:6379"),
        ("unix:///run/redis.sock", "/run/redis.sock"),
        ("redis://:secret@box:port", "the address in FARM_REDIS_URL"),
    ],
)
def test_a_place_holds_no_password(url: str, place: str) -> None:
    """Sentences name the host, never what is secret."""
    assert place_of_url(url) == place


@pytest.mark.parametrize("part", [LedgerBase, Leases, Jobs, Steering, Roster])
def test_no_method_was_missed(part: type) -> None:
    """Every public method of the ledger translates."""
    methods = [member for name, member in vars(part).items() if not name.startswith("_") and callable(member)]
    assert methods
    assert all(hasattr(method, "__wrapped__") for method in methods)


def test_a_ledger_that_lost_its_server_says_so(own_redis: object) -> None:
    """Every use after the server is gone is one sentence with host and port."""
    ledger = Ledger.connect(own_redis.settings)  # type: ignore[attr-defined]
    own_redis.stop()  # type: ignore[attr-defined]
    with pytest.raises(LedgerError, match=r"Redis at 127\.0\.0\.1:\d+ cannot be reached"):
        ledger.jobs()
    with pytest.raises(LedgerError, match="cannot be reached"):
        ledger.ensure_epoch()
    own_redis.start()  # type: ignore[attr-defined]
    assert ledger.jobs() == []
    ledger.redis.close()
