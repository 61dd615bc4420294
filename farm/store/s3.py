"""The store on any S3 server, through boto3."""

import itertools
import sys
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlsplit

from farm.errors import NotInStoreError, StoreError
from farm.store.faults import Place, denied, seconds_ahead, strange, translated
from farm.store.store import Entry, plain_metadata

if TYPE_CHECKING:
    from pydantic import SecretStr

    from farm.settings import Settings

#: Keys per DeleteObjects request: the protocol's own limit.
_DELETE_PAGE = 1000
#: Bytes that a streamed object is read in, and written in: a part is in memory, and S3 takes 10 000 of at least 5 MiB.
_PIECE, _PART = 1 << 20, 5 << 20


class _Pieces:
    """What an iterator gives, read as a file: exactly as much as is asked for, until there is no more."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._pieces, self._left = iter(pieces), b""

    def read(self, size: int = sys.maxsize) -> bytes:
        """The next `size` bytes; fewer at the end only."""
        found, length = [self._left], len(self._left)
        while length < size and (piece := next(self._pieces, None)) is not None:
            found.append(piece)
            length += len(piece)
        data = b"".join(found)
        self._left = data[size:]
        return data[:size]


class S3Store:
    """A `Store` in a bucket, below a prefix. Safe to use from several threads: a boto3 client is.

    Args:
        client: the boto3 client that asks.
        place: bucket and endpoint.
        prefix: what every key begins with in the bucket; empty, or without slashes at its ends.
    """

    def __init__(self, client: Any, *, place: Place, prefix: str = "") -> None:
        self._client, self._place = client, place
        self._prefix = f"{prefix}/" if prefix else ""

    @classmethod
    def from_settings(cls, settings: "Settings", *, hurried: bool = False) -> Self:
        """The configured store, not yet asked for anything; raises `ServiceError` when none is configured.

        Args:
            settings: say where it is.
            hurried: ask once, and do not wait long for the answer: somebody wants to know how things stand.
        """
        bucket, prefix = settings.require_s3_url()
        place = Place(bucket, settings.s3_endpoint, folder=settings.s3_folder)
        try:
            with translated(place):
                return cls(_client(settings, hurried=hurried), place=place, prefix=prefix)
        except ValueError as error:
            raise StoreError(f"FARM_S3_ENDPOINT is wrong: {error}.") from None

    def beside(self, bucket: str, prefix: str) -> "S3Store":
        """Another place of the same server, asked with the same keys; errors name `render.model` as who named it."""
        place = Place(bucket, self._place.endpoint, named_by="render.model")
        return S3Store(self._client, place=place, prefix=prefix)

    def put(
        self,
        key: str,
        data: bytes,
        *,
        content_type: str = "application/octet-stream",
        metadata: Mapping[str, str] | None = None,
    ) -> None:
        """Write an object, replacing what was there."""
        with translated(self._place):
            answer = self._client.put_object(
                Bucket=self._place.bucket,
                Key=self._prefix + key,
                Body=data,
                ContentType=content_type,
                Metadata=plain_metadata(metadata),
            )
        if "ETag" not in answer:  # a web server that says yes to everything has stored nothing
            raise StoreError(strange(self._place))

    def put_stream(
        self,
        key: str,
        pieces: Iterable[bytes],
        *,
        content_type: str = "application/octet-stream",
        metadata: Mapping[str, str] | None = None,
    ) -> None:
        """Write an object a part at a time, in order, as not every server takes them otherwise; whole, or as it was."""
        from boto3.s3.transfer import TransferConfig

        config = TransferConfig(multipart_threshold=_PART, multipart_chunksize=_PART, use_threads=False)
        with translated(self._place):
            self._client.upload_fileobj(
                _Pieces(pieces),
                Bucket=self._place.bucket,
                Key=self._prefix + key,
                ExtraArgs={"ContentType": content_type, "Metadata": plain_metadata(metadata)},
                Config=config,
            )

    def get(self, key: str) -> bytes:
        """The object's bytes; raises `NotInStoreError`."""
        with translated(self._place, key):
            answer = self._client.get_object(Bucket=self._place.bucket, Key=self._prefix + key)
            return bytes(answer["Body"].read())

    def stream(self, key: str) -> Iterator[bytes]:
        """The object's bytes in pieces; raises `NotInStoreError` at once."""
        with translated(self._place, key):
            body = self._client.get_object(Bucket=self._place.bucket, Key=self._prefix + key)["Body"]
        return self._pieces(body)

    def _pieces(self, body: Any) -> Iterator[bytes]:
        """The pieces of an answer's body."""
        with body:
            while True:
                with translated(self._place):
                    piece = bytes(body.read(_PIECE))
                if not piece:
                    return
                yield piece

    def read(self, key: str, start: int, stop: int) -> bytes:
        """Bytes `start` to `stop`, exclusive; raises `NotInStoreError`."""
        if start >= stop:
            return b""
        with translated(self._place, key):
            answer = self._client.get_object(
                Bucket=self._place.bucket, Key=self._prefix + key, Range=f"bytes={start}-{stop - 1}"
            )
            data = bytes(answer["Body"].read())
        # a server may answer with the whole object
        return data[start:stop] if len(data) > stop - start else data

    def metadata(self, key: str) -> Mapping[str, str]:
        """What was said about an object, names in lower case; raises `NotInStoreError`."""
        with translated(self._place, key):
            answer = self._client.head_object(Bucket=self._place.bucket, Key=self._prefix + key)
        return {name.lower(): str(value) for name, value in answer.get("Metadata", {}).items()}

    def exists(self, key: str) -> bool:
        """Whether the object is there."""
        try:
            with translated(self._place, key):
                self._client.head_object(Bucket=self._place.bucket, Key=self._prefix + key)
        except NotInStoreError:
            return False
        return True

    def list(self, prefix: str, *, after: str = "") -> Iterator[str]:
        """Keys that begin with the prefix, in ascending order, a page at a time; of those, what follows `after`."""
        return (entry.key for entry in self.entries(prefix, after=after))

    def entries(self, prefix: str, *, after: str = "") -> Iterator[Entry]:
        """Objects whose keys begin with the prefix, as `list` has them."""
        beyond = {"StartAfter": self._prefix + after} if after else {}
        for page in self._pages(Prefix=self._prefix + prefix, **beyond):
            for entry in page.get("Contents", []):
                tag = str(entry.get("ETag", "")).strip('"') or str(entry.get("LastModified"))
                yield Entry(entry["Key"].removeprefix(self._prefix), int(entry["Size"]), tag)

    def folders(self, prefix: str) -> Iterator[str]:
        """Names of the folders directly below a prefix that ends in a slash, ascending; the server skips the rest."""
        for page in self._pages(Prefix=self._prefix + prefix, Delimiter="/"):
            for entry in page.get("CommonPrefixes", []):
                yield entry["Prefix"].removeprefix(self._prefix + prefix).rstrip("/")

    def _pages(self, **options: str) -> Iterator[dict[str, Any]]:
        """The pages of a listing."""
        paginator = self._client.get_paginator("list_objects_v2")
        pages = iter(paginator.paginate(Bucket=self._place.bucket, **options))
        while True:
            with translated(self._place):
                page = next(pages, None)
            if page is None:
                return
            yield page

    def delete(self, keys: Iterable[str]) -> None:
        """Delete objects; those that are not there are passed over."""
        left = iter(keys)
        while page := list(itertools.islice(left, _DELETE_PAGE)):
            with translated(self._place):
                answer = self._client.delete_objects(
                    Bucket=self._place.bucket,
                    Delete={"Objects": [{"Key": self._prefix + key} for key in page], "Quiet": True},
                )
            if refused := answer.get("Errors"):
                first = refused[0]
                if first.get("Code") == "AccessDenied":
                    raise StoreError(denied(self._place, "DeleteObjects"))
                raise StoreError(
                    f"The store did not delete {len(refused)} of {len(page)} objects,"
                    f" first {first.get('Key')}: {first.get('Message') or first.get('Code')}."
                )

    def check(self) -> None:
        """Raise `StoreError` with a sentence unless the bucket can be listed."""
        with translated(self._place):
            self._client.list_objects_v2(Bucket=self._place.bucket, Prefix=self._prefix, MaxKeys=1)

    def ahead(self) -> float | None:
        """Seconds by which the server's clock is ahead of this machine's, to the second; None when it does not say."""
        with translated(self._place):
            answer = self._client.list_objects_v2(Bucket=self._place.bucket, Prefix=self._prefix, MaxKeys=1)
        return seconds_ahead(answer["ResponseMetadata"])


def _client(settings: "Settings", *, hurried: bool) -> Any:
    """A client of a session of its own: boto3's default session is not safe to share between threads."""
    import boto3.session
    from botocore.config import Config
    from botocore.handlers import add_expect_header

    session = boto3.session.Session(
        aws_access_key_id=_plain(settings.aws_access_key_id),
        aws_secret_access_key=_plain(settings.aws_secret_access_key),
        aws_session_token=_plain(settings.aws_session_token),
        region_name=settings.aws_region,
    )
    config = Config(**_config(settings.s3_endpoint))
    if hurried:
        config = config.merge(Config(read_timeout=10, retries={"mode": "standard", "total_max_attempts": 1}))
    client = session.client("s3", endpoint_url=settings.s3_endpoint, config=config)
    # Without "may I?" before every body: pictures are small, and the answer takes as long as a picture.
    client.meta.events.unregister("before-call.s3", add_expect_header)
    return client


def _plain(secret: "SecretStr | None") -> str | None:
    return None if secret is None else secret.get_secret_value()


def _config(endpoint: str | None) -> dict[str, Any]:
    config: dict[str, Any] = {
        "signature_version": "s3v4",
        "connect_timeout": 5,
        "read_timeout": 30,
        "retries": {"mode": "standard", "total_max_attempts": 3},
        "max_pool_connections": 32,
    }
    if endpoint is None:
        return config
    # Servers other than AWS: no bucket in the host name, and no checksum trailers, which some of them store as data.
    config |= {
        "s3": {"addressing_style": "path"},
        "request_checksum_calculation": "when_required",
        "response_checksum_validation": "when_required",
    }
    if urlsplit(endpoint).hostname in {"127.0.0.1", "localhost", "::1"}:
        config["proxies"] = {}  # a proxy for the internet cannot reach this machine's own loopback
    return config
