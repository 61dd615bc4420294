"""What boto3 raises, said in one sentence: the only place that knows its errors."""

import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any

from farm.errors import NoBucketError, NotInStoreError, StoreError

if TYPE_CHECKING:
    from botocore.exceptions import ClientError

_KEYS = "check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
_EXPIRED = "{place} refuses the session token, which is wrong or has expired: get new AWS credentials."
_REGION = "The bucket {bucket!r} is in another region: set AWS_DEFAULT_REGION to its own."
_FULL = "{place} is full: make room there; the farm goes on by itself."
_DENIED = f"{{place}} does not let us {{what}} the bucket {{bucket!r}}{{right}}: {_KEYS}, and what they may do."
_STRANGE = "{place} does not answer as an S3 server does: check FARM_S3_ENDPOINT (http or https, host, port and path)."
#: Code of a refusal -> its sentence.
_SENTENCES = {
    "NoSuchBucket": "{place} has no bucket {bucket!r}: create it, or check {named_by}.",
    "InvalidAccessKeyId": f"{{place}} does not know this access key: {_KEYS}.",
    "SignatureDoesNotMatch": f"{{place}} refuses the secret key: {_KEYS}.",
    "ExpiredToken": _EXPIRED,
    "InvalidToken": _EXPIRED,
    "RequestTimeTooSkewed": "{place} refuses the request because the clocks differ{skew}: check the clock.",
    "PermanentRedirect": _REGION,
    "AuthorizationHeaderMalformed": _REGION,
    "AccessDenied": _DENIED,
    "AllAccessDisabled": _DENIED,
    "QuotaExceeded": _FULL,
    "XMinioStorageFull": _FULL,
    "XMinioStorageQuotaExceeded": _FULL,
}
#: What a server says that has a code of its own for it.
_BY_STATUS: dict[int, str] = {HTTPStatus.FORBIDDEN: _DENIED, HTTPStatus.INSUFFICIENT_STORAGE: _FULL}
#: Operation -> what it does to the bucket, and the right that AWS calls it by.
_RIGHTS = {
    "PutObject": ("write to", "s3:PutObject"),
    "CreateMultipartUpload": ("write to", "s3:PutObject"),
    "UploadPart": ("write to", "s3:PutObject"),
    "CompleteMultipartUpload": ("write to", "s3:PutObject"),
    "GetObject": ("read from", "s3:GetObject"),
    "HeadObject": ("read from", "s3:GetObject"),
    "ListObjectsV2": ("list", "s3:ListBucket"),
    "DeleteObjects": ("delete from", "s3:DeleteObject"),
}
#: Bytes free on its disk with which a local store that fails is said to be full.
_LITTLE = 16 << 20


@dataclass(frozen=True, slots=True)
class Place:
    """Where the store is, as its user named it."""

    bucket: str
    endpoint: str | None
    #: The setting or field that names the bucket.
    named_by: str = "FARM_S3_URL"
    #: Where its objects lie, when that is on this machine.
    folder: Path | None = None

    def __str__(self) -> str:
        return f"the store at {self.endpoint}" if self.endpoint else "AWS S3"


@contextmanager
def translated(place: Place, key: str | None = None) -> Iterator[None]:
    """Turn every error of boto3 inside the block into a `StoreError` whose text is a sentence.

    Args:
        place: the store that is asked.
        key: the object that is asked for: its absence is a `NotInStoreError`.
    """
    from botocore.exceptions import BotoCoreError, ClientError
    from botocore.parsers import ResponseParserError

    try:
        yield
    except ClientError as error:
        if key is not None and _code(error) in {"NoSuchKey", "404", "NotFound"} and not _strange(error):
            raise NotInStoreError(key) from None
        kind = NoBucketError if _code(error) == "NoSuchBucket" else StoreError
        raise kind(_refused(place, error)) from None
    except (ResponseParserError, RecursionError):  # a redirect that names no region sends botocore round in circles
        raise StoreError(strange(place)) from None
    except BotoCoreError as error:
        raise StoreError(_unasked(place, error)) from None


def strange(place: Place) -> str:
    """The sentence for an answer that no S3 server gives."""
    return _STRANGE.format(place=_start(place))


def denied(place: Place, operation: str) -> str:
    """The sentence for a right that the keys do not have."""
    what, right = _RIGHTS.get(operation, ("use", ""))
    named = {"place": _start(place), "bucket": place.bucket, "what": what}
    return _DENIED.format(right=f" ({right})" if right else "", **named)


def _code(error: "ClientError") -> str:
    return str(error.response.get("Error", {}).get("Code", ""))


def _refused(place: Place, error: "ClientError") -> str:
    """The sentence for an answer that is a refusal."""
    code, answer = _code(error), error.response.get("ResponseMetadata", {})
    status = answer.get("HTTPStatusCode", HTTPStatus.INTERNAL_SERVER_ERROR)
    if _strange(error):
        return strange(place)
    ours = status == HTTPStatus.NOT_FOUND or status >= HTTPStatus.INTERNAL_SERVER_ERROR
    if ours and place.folder is not None and (why := _hindrance(place.folder)):
        return f"{_start(place)} cannot keep anything: {why}"
    found = _SENTENCES.get(code) or _BY_STATUS.get(status)
    if found is _DENIED:
        return denied(place, error.operation_name)
    if found is not None:
        named = {"bucket": place.bucket, "named_by": place.named_by}
        return found.format(place=_start(place), skew=_skew(answer), **named)
    message = str(error.response.get("Error", {}).get("Message", "")).strip().rstrip(".")
    return f"{_start(place)} answered {code or status}{f' ({message})' if message else ''}: try again later."


def _strange(error: "ClientError") -> bool:
    """Whether a refusal comes from no S3 server: those explain themselves in XML, but for answers to HEAD."""
    answer = error.response.get("ResponseMetadata", {})
    status, kind = answer.get("HTTPStatusCode", 0), answer.get("HTTPHeaders", {}).get("content-type", "")
    if not _code(error).isdigit() or error.operation_name.startswith("Head"):
        return False
    if kind.startswith("text/html"):
        return bool(status < HTTPStatus.BAD_GATEWAY)  # a gateway's own page comes and goes
    own = {HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND, HTTPStatus.INSUFFICIENT_STORAGE}
    return HTTPStatus.BAD_REQUEST <= status < HTTPStatus.INTERNAL_SERVER_ERROR and status not in own


def _hindrance(folder: Path) -> str | None:
    """What keeps a folder of this machine from taking more, with what to do; None when nothing can be seen."""
    try:
        free = shutil.disk_usage(folder).free
    except OSError as error:
        return f"its folder {folder} is gone ({error.strerror}): put it back, or `farm down` and `farm up`."
    if free < _LITTLE:
        return f"the disk of {folder} is full, {free / 1e6:.1f} MB are left: make room; the farm goes on by itself."
    if not os.access(folder, os.W_OK | os.X_OK):
        return f"its folder {folder} cannot be written to: make it writable; the farm goes on by itself."
    return None


def _unasked(place: Place, error: Exception) -> str:
    """The sentence for a request that got no answer, or was never sent."""
    from botocore import exceptions

    match error:
        case exceptions.NoCredentialsError() | exceptions.PartialCredentialsError():
            said = f"There are no keys for {place}: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY."
        case exceptions.ProfileNotFound():
            said = f"The AWS profile is not there ({error}): check AWS_PROFILE."
        case exceptions.SSLError():
            said = (
                f"No secure connection to {place}: check that it speaks https, and AWS_CA_BUNDLE for its certificate."
            )
        case exceptions.HTTPClientError() if "recursion" in str(error):
            said = strange(place)  # as above, further down
        case exceptions.ReadTimeoutError():
            said = f"{_start(place)} did not answer in time: check the network and the server's load."
        case exceptions.HTTPClientError() | exceptions.ConnectionError() | exceptions.IncompleteReadError():
            said = f"{_start(place)} cannot be reached: check that it runs, FARM_S3_ENDPOINT and the network."
        case _:
            said = f"{_start(place)} cannot be asked: {str(error).rstrip('.')}."
    return said


def _start(place: Place) -> str:
    text = str(place)
    return text[0].upper() + text[1:]


def seconds_ahead(answer: Mapping[str, Any]) -> float | None:
    """Seconds by which the server's clock is ahead of ours, from its answer's Date; None when it has none."""
    try:
        theirs = parsedate_to_datetime(answer.get("HTTPHeaders", {}).get("date", ""))
    except ValueError:
        return None
    return (theirs - datetime.now(UTC)).total_seconds()


def _skew(answer: Mapping[str, Any]) -> str:
    """By how much the clocks differ; nothing where the server does not say."""
    ahead = seconds_ahead(answer)
    if ahead is None:
        return ""
    seconds = abs(ahead)
    return f" by {round(seconds / 60)} minutes" if seconds >= 120 else f" by {round(seconds)} s"  # noqa: PLR2004
