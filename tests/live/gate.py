"""A gate before a real S3 server: it lets every request through but for those it is told to refuse."""

import http.client
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

#: The verbs a bucket's owner may allow one by one.
VERBS = ("put", "get", "list", "delete")
_DENIED = b"<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>"


class Gate:
    """What is refused, and where the gate stands."""

    def __init__(self, endpoint: str) -> None:
        #: Verbs that are answered 403.
        self.refused: set[str] = set()
        #: How often each was.
        self.refusals = 0
        self.upstream = urlsplit(endpoint)
        self.endpoint = ""


def verb(method: str, path: str) -> str:
    """Which right a request needs."""
    parts = urlsplit(path)
    query = parse_qs(parts.query, keep_blank_values=True)
    if method == "DELETE" or "delete" in query:
        return "delete"
    if method in {"PUT", "POST"}:
        return "put"
    return "list" if parts.path.count("/") < 2 or parts.path.endswith("/") else "get"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    gate: Gate

    def do_GET(self) -> None:
        """Refuse a request, or pass it on as it is: its signature covers the host that was asked."""
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if verb(self.command, self.path) in self.gate.refused:
            self.gate.refusals += 1
            self._answer(403, {"Content-Type": "application/xml"}, _DENIED)
            return
        link = http.client.HTTPConnection(str(self.gate.upstream.hostname), self.gate.upstream.port, timeout=30)
        try:
            given = {name: value for name, value in self.headers.items() if name != "Expect"}
            link.request(self.command, self.path, body=body or None, headers=given)
            answer = link.getresponse()
            self._answer(answer.status, dict(answer.getheaders()), answer.read())
        except OSError:
            self._answer(503, {}, b"")
        finally:
            link.close()

    do_PUT = do_POST = do_HEAD = do_DELETE = do_GET  # noqa: N815 the base class's names

    def _answer(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.send_response_only(status)
        length = headers.get("Content-Length", str(len(body))) if self.command == "HEAD" else str(len(body))
        for name, value in headers.items():
            if name not in {"Content-Length", "Transfer-Encoding", "Connection"}:
                self.send_header(name, value)
        self.send_header("Content-Length", length)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True


@contextmanager
def gate_before(endpoint: str) -> Iterator[Gate]:
    """A gate before a server, while the block runs."""
    gate = Gate(endpoint)
    handler = type("Handler", (_Handler,), {"gate": gate})
    with _Server(("127.0.0.1", 0), handler) as server:
        gate.endpoint = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield gate
        finally:
            server.shutdown()
            thread.join()
