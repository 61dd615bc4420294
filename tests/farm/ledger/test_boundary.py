import pytest
from redis import exceptions

from farm.errors import LedgerError
from farm.ledger.base import LedgerBase
from farm.ledger.boundary import place_of_url, sentence, translated, welcome
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
        (exceptions.TimeoutError("Timeout connecting to server"), "rediss:// only where it speaks TLS"),
        (exceptions.ConnectionError("Connection closed by server."), "does not answer as a Redis does"),
        (exceptions.InvalidResponse("Protocol Error: H"), "does not answer as a Redis does"),
        (exceptions.ConnectionError("[SSL: WRONG_VERSION_NUMBER] wrong version number"), "does not speak TLS"),
        (exceptions.ConnectionError("CERTIFICATE_VERIFY_FAILED: self-signed (_ssl.c:1)"), "self-signed (_ssl.c:1)."),
        (exceptions.AuthenticationError("invalid username-password pair"), "refuses the user or the password"),
        (exceptions.ResponseError("WRONGPASS invalid username-password pair"), "refuses the user or the password"),
        (exceptions.ResponseError("NOAUTH Authentication required."), "wants a password"),
        (exceptions.AuthenticationError("Authentication required."), "wants a password"),
        (exceptions.ResponseError("unknown command `HELLO`"), "too old: the farm needs Redis 6.2"),
        (exceptions.ResponseError("DB index is out of range"), "no database of that number"),
        (
            exceptions.ResponseError("MISCONF Errors writing to the AOF file: No space left on device"),
            "cannot save what it is told, No space left on device: make room on its disk",
        ),
        (exceptions.ResponseError("Error running script: @user_script:1: -MISCONF Errors: Disk quota"), "Disk quota:"),
        (exceptions.ClusterDownError("Hash slot not served"), "part of a Cluster"),
        (exceptions.ResponseError("LOADING Redis is loading the dataset in memory"), "still loading"),
        (exceptions.NoPermissionError("NOPERM this user has no permissions"), "ACL"),
        (exceptions.ReadOnlyError("READONLY You can't write against a read only replica."), "read-only replica"),
        (exceptions.ResponseError("READONLY You can't write"), "read-only replica"),
        (exceptions.OutOfMemoryError("command not allowed when used memory"), "out of memory"),
        (exceptions.ResponseError("-OOM command not allowed"), "out of memory"),
        (exceptions.BusyLoadingError("LOADING Redis is loading"), "still loading"),
        (exceptions.ResponseError("WRONGTYPE Operation"), "answered with an error: WRONGTYPE Operation."),
    ],
)
def test_every_error_of_redis_has_its_sentence(error: Exception, words: str) -> None:
    """What is wrong, where, and what to check."""
    said = sentence(error, "farm.example:6379")
    assert said.startswith("Redis at farm.example:6379 ")
    assert words in said


@pytest.mark.parametrize(
    ("info", "words"),
    [
        ({"redis_version": "7.2.4", "redis_mode": "cluster"}, "is part of a Cluster"),
        ({"redis_version": "7.2.4", "redis_mode": "sentinel"}, "is a Sentinel: point"),
        (
            {"redis_version": "6.0.16", "redis_mode": "standalone"},
            "is version 6.0.16, which is too old: the farm needs",
        ),
        ({"redis_version": "5.0", "redis_mode": "standalone"}, "is version 5.0"),
    ],
)
def test_a_server_that_cannot_be_a_farms_is_refused(info: dict[str, str], words: str) -> None:
    """What kind it is, and what to use instead, before anything is written."""
    with pytest.raises(LedgerError, match="Redis at box:1 ") as caught:
        welcome(info, "box:1")
    assert words in str(caught.value)


@pytest.mark.parametrize("version", ["6.2", "6.2.14", "7.0.0", "8.0-rc1", "255.255.255", ""])
def test_a_server_that_can_is_welcome(version: str) -> None:
    """One that does not say its version is given a chance."""
    welcome({"redis_version": version}, "box:1")


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
    assert "cannot be reached" in str(ledger.refusal())
    own_redis.start()  # type: ignore[attr-defined]
    assert ledger.jobs() == []
    ledger.redis.close()
