import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from time import time
from types import SimpleNamespace

import pytest
from botocore.exceptions import BotoCoreError, ClientError, IncompleteReadError

from farm.errors import NotInStoreError, StoreError
from farm.settings import Settings
from farm.store.faults import Place, seconds_ahead, translated
from farm.store.s3 import S3Store

Refuser = Callable[..., AbstractContextManager[S3Store]]


PAGE = "<!DOCTYPE html><html><p>It works!<br></html>"


@contextmanager
def answering(status: int, text: str, *, ahead: float = 0.0, kind: str = "application/xml") -> Iterator[S3Store]:
    """A store whose server answers every request with this text, by a clock that is so far ahead."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = text.encode()
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self.send_response_only(status)
            self.send_header("Date", formatdate(time() + ahead, usegmt=True))
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Content-Type", kind)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        do_PUT = do_POST = do_HEAD = do_GET  # noqa: N815 the base class's names

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


def refusing(code: str, status: int, *, ahead: float = 0.0) -> AbstractContextManager[S3Store]:
    """A store whose server refuses every request."""
    return answering(status, f"<Error><Code>{code}</Code><Message>No: {code}.</Message></Error>", ahead=ahead)


@pytest.mark.parametrize(
    ("code", "status", "said"),
    [
        ("NoSuchBucket", 404, "has no bucket 'farm'"),
        ("InvalidAccessKeyId", 403, "does not know this access key"),
        ("SignatureDoesNotMatch", 403, "refuses the secret key"),
        ("AccessDenied", 403, r"does not let us list the bucket 'farm' \(s3:ListBucket\): check AWS_ACCESS"),
        ("SomethingNew", 403, "does not let us list the bucket 'farm'"),
        ("XMinioStorageFull", 507, "is full: make room there; the farm goes on by itself"),
        ("SomethingFull", 507, "is full: make room there"),
        ("QuotaExceeded", 403, "is full: make room there"),
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


VERBS: dict[str, tuple[Callable[[S3Store], object], str]] = {
    "put": (lambda store: store.put("x", b"1"), "write to the bucket 'farm' (s3:PutObject)"),
    "get": (lambda store: store.get("x"), "read from the bucket 'farm' (s3:GetObject)"),
    "exists": (lambda store: store.exists("x"), "read from the bucket 'farm' (s3:GetObject)"),
    "list": (lambda store: list(store.list("x")), "list the bucket 'farm' (s3:ListBucket)"),
    "delete": (lambda store: store.delete(["x"]), "delete from the bucket 'farm' (s3:DeleteObject)"),
}


@pytest.mark.parametrize("verb", VERBS)
def test_what_is_not_allowed_is_named(verb: str) -> None:
    """Keys that may not list can still write: the sentence says which right is missing."""
    ask, said = VERBS[verb]
    with refusing("AccessDenied", 403) as store, pytest.raises(StoreError) as caught:
        ask(store)
    assert f"does not let us {said}" in str(caught.value)


@pytest.mark.parametrize("verb", sorted(set(VERBS) - {"exists"}))
@pytest.mark.parametrize("status", [200, 302, 400, 403, 404, 405, 501])
def test_a_web_page_is_no_store(status: int, verb: str) -> None:
    """An address of something else is said as such: never taken for a missing object, nor for one that was written."""
    if (status, verb) == (200, "get"):
        return  # bytes are bytes: the doctor compares them
    ask, _ = VERBS[verb]
    said = pytest.raises(StoreError, match="does not answer as an S3 server does: check FARM_S3_ENDPOINT")
    with answering(status, PAGE, kind="text/html; charset=utf-8") as store, said as caught:
        ask(store)
    assert not isinstance(caught.value, NotInStoreError)


def test_a_gateway_whose_server_is_away_is_waited_for() -> None:
    """A page that says 502 comes and goes."""
    with answering(502, PAGE, kind="text/html") as store, pytest.raises(StoreError, match="try again later"):
        store.check()


def test_a_full_disk_of_this_machine_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A local store says only that something is wrong; the farm looks at its folder and says what."""

    def said(folder: Path) -> str:
        error = ClientError({"Error": {"Code": "InternalError"}}, "PutObject")
        with pytest.raises(StoreError) as caught, translated(Place("farm", "http://host", folder=folder)):
            raise error
        return str(caught.value)

    assert "answered InternalError" in said(tmp_path)
    assert "gone is gone (No such file or directory): put it back" in said(tmp_path / "gone")
    with monkeypatch.context() as patch:
        patch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=400_000))
        assert f"the disk of {tmp_path} is full, 0.4 MB are left: make room; the farm goes on" in said(tmp_path)
    monkeypatch.setattr("os.access", lambda *_: False)
    assert f"its folder {tmp_path} cannot be written to" in said(tmp_path)


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
