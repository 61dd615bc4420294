"""A server that speaks as much of the Hub's API as its client needs to fetch a model: for tests without a network."""

import hashlib
import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@dataclass
class FakeHub:
    """What the server has, and what it was asked.

    Args:
        models: id -> folder.
        gated: ids that want a token.
        token: the one that opens them.
    """

    models: Mapping[str, Path]
    gated: frozenset[str] = frozenset()
    token: str = "hf_secret"
    endpoint: str = ""
    asked: list[str] = field(default_factory=list)

    @property
    def fetched(self) -> list[str]:
        """Files whose content was sent."""
        return [path for path in self.asked if path.startswith("GET ") and "/resolve/" in path]

    def answer(self, method: str, path: str, token: str | None) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and body."""
        self.asked.append(f"{method} {path}")
        parts = unquote(path).strip("/").split("/")
        if parts[:2] == ["api", "models"]:
            asked = self._tree if parts[4:5] == ["tree"] else self._model
            return asked("/".join(parts[2:4]), parts[5] if len(parts) > 5 else "main", token)
        if len(parts) > 4 and parts[2] == "resolve":
            return self._file("/".join(parts[:2]), parts[3], "/".join(parts[4:]), token)
        return self._refuse("EntryNotFound", 404)

    def _model(self, name: str, revision: str, token: str | None) -> tuple[int, dict[str, str], bytes]:
        refused = self._refused(name, revision, token)
        if refused:
            return refused
        files = [path.relative_to(self.models[name]).as_posix() for path in _files(self.models[name])]
        index = json.loads((self.models[name] / "model_index.json").read_bytes())
        body = {
            "_id": "0",
            "id": name,
            "modelId": name,
            "sha": COMMIT,
            "private": False,
            "gated": name in self.gated,
            "disabled": False,
            "tags": [],
            "downloads": 0,
            "likes": 0,
            "siblings": [{"rfilename": file} for file in files],
            "config": {"diffusers": {"_class_name": index["_class_name"]}},
        }
        return 200, {"Content-Type": "application/json"}, json.dumps(body).encode()

    def _tree(self, name: str, revision: str, token: str | None) -> tuple[int, dict[str, str], bytes]:
        refused = self._refused(name, revision, token)
        if refused:
            return refused
        folder = self.models[name]
        files = [
            {
                "type": "file",
                "path": path.relative_to(folder).as_posix(),
                "size": path.stat().st_size,
                "oid": _sha(path),
            }
            for path in _files(folder)
        ]
        return 200, {"Content-Type": "application/json"}, json.dumps(files).encode()

    def _file(self, name: str, revision: str, path: str, token: str | None) -> tuple[int, dict[str, str], bytes]:
        refused = self._refused(name, revision, token)
        if refused:
            return refused
        file = self.models[name] / path
        if not file.is_file():
            return self._refuse("EntryNotFound", 404)
        data = file.read_bytes()
        return 200, {"ETag": f'"{_sha(file)}"', "X-Repo-Commit": COMMIT, "Accept-Ranges": "bytes"}, data

    def _refused(self, name: str, revision: str, token: str | None) -> tuple[int, dict[str, str], bytes] | None:
        if name not in self.models:
            return self._refuse("RepoNotFound", 401)
        if name in self.gated and token != f"Bearer {self.token}":
            return self._refuse("GatedRepo", 401)
        if revision not in {"main", COMMIT}:
            return self._refuse("RevisionNotFound", 404)
        return None

    @staticmethod
    def _refuse(code: str, status: int) -> tuple[int, dict[str, str], bytes]:
        return status, {"X-Error-Code": code, "X-Error-Message": code}, b"{}"


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def _sha(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@contextmanager
def serving(hub: FakeHub) -> Iterator[FakeHub]:
    """The server, on a free port while the block runs."""

    class Handler(BaseHTTPRequestHandler):
        """Answers."""

        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            """The whole answer."""
            self._send("GET")

        def do_HEAD(self) -> None:
            """Its headers."""
            self._send("HEAD")

        def _send(self, method: str) -> None:
            status, headers, body = hub.answer(method, urlsplit(self.path).path, self.headers.get("Authorization"))
            self.send_response(status)
            for name, value in (headers | {"Content-Length": str(len(body))}).items():
                self.send_header(name, value)
            self.end_headers()
            if method == "GET":
                self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        hub.endpoint = f"http://127.0.0.1:{server.server_port}"
        try:
            yield hub
        finally:
            server.shutdown()
            thread.join()
