import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from time import time

import pytest
from botocore.exceptions import BotoCoreError, ClientError, IncompleteReadError

from farm.errors import NotInStoreError, StoreError
from farm.settings import Settings
from farm.store.faults import Place, seconds_ahead, translated
from farm.store.s3 import S3Store

Refuser = Callable[..., AbstractContextManager[S3Store]]


@contextmanager
def refusing(code: str, status: int, *, ahead: float = 0.0) -> Iterator[S3Store]:
    """A store whose server answers every request with this refusal, by a clock that is so far ahead."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = f"<Error><Code>{code}</Code><Message>No: {code}.</Message></Error>".encode()
            self.send_response_only(status)
            self.send_header("Date", formatdate(time() + ahead, usegmt=True))
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        known = {"aws_access_key_id": "key", "aws_secret_access_key": "secret", "redis_url": "redis://unused"}
        try:
            endpoint = f"http://127.0.0.1:{server.server_port}"
            yield S3Store.from_settings(Settings.load(s3_url="s3://farm", s3_endpoint=endpoint, **known))
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize(
    ("code", "status", "said"),
    [
        ("NoSuchBucket", 404, "has no bucket 'farm'"),
        ("InvalidAccessKeyId", 403, "does not know this access key"),
        ("SignatureDoesNotMatch", 403, "refuses the secret key"),
        ("AccessDenied", 403, "denies access to the bucket 'farm'"),
        ("SomethingNew", 403, "denies access to the bucket 'farm'"),
        ("ExpiredToken", 400, "refuses the session token"),
        ("AuthorizationHeaderMalformed", 400, "in another region: set AWS_DEFAULT_REGION"),
        ("SomethingElse", 400, r"answered SomethingElse \(No: SomethingElse\): try again later"),
    ],
)
def test_a_refusal_is_a_sentence(code: str, status: int, said: str) -> None:
    """Every refusal that a user can do something about says what."""
    with refusing(code, status) as store, pytest.raises(StoreError, match=said) as caught:
        store.check()
    assert "secret." not in str(caught.value)
    assert caught.value.__suppress_context__


@pytest.mark.parametrize(
    ("ahead", "said"), [(3600.0, "by 60 minutes"), (-7200.0, "by 120 minutes"), (90.0, "by (89|90) s")]
)
def test_clocks_that_differ_say_by_how_much(ahead: float, said: str) -> None:
    """A refusal because of the time names the difference, read off the answer itself."""
    with (
        refusing("RequestTimeTooSkewed", 403, ahead=ahead) as store,
        pytest.raises(StoreError, match=rf"the clocks differ {said}: check the clock"),
    ):
        store.get("x")


def _client_error(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code}}, "GetObject")


def test_a_skew_without_a_date_is_still_a_sentence() -> None:
    """An answer that does not say the time is no second error."""
    with pytest.raises(StoreError, match="the clocks differ: check the clock"), translated(Place("farm", None)):
        raise _client_error("RequestTimeTooSkewed")
    assert seconds_ahead({"HTTPHeaders": {"date": "soon"}}) is None


@pytest.mark.parametrize("code", ["NoSuchKey", "404", "NotFound"])
def test_a_missing_object_is_told_from_a_failing_store(code: str) -> None:
    """Only the request for one object can miss it."""
    with pytest.raises(NotInStoreError), translated(Place("farm", None), "key"):
        raise _client_error(code)
    with pytest.raises(StoreError, match="AWS S3 answered") as caught, translated(Place("farm", None)):
        raise _client_error(code)
    assert not isinstance(caught.value, NotInStoreError)


def _kinds(kind: type[Exception]) -> Iterator[type[Exception]]:
    yield kind
    for child in kind.__subclasses__():
        yield from _kinds(child)


@pytest.mark.parametrize("kind", [BotoCoreError, IncompleteReadError, ClientError])
def test_no_error_of_boto3_passes_untranslated(kind: type[Exception]) -> None:
    """Whatever boto3 raises inside the block leaves it as the farm's own error."""
    for each in _kinds(kind):
        error = each.__new__(each)
        Exception.__init__(error, "made up")
        if isinstance(error, ClientError):
            error.response = {}
        with pytest.raises(StoreError), translated(Place("farm", "http://host")):
            raise error
