"""What boto3 raises, said in one sentence: the only place that knows its errors."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from farm.errors import NoBucketError, NotInStoreError, StoreError

if TYPE_CHECKING:
    from botocore.exceptions import ClientError

_KEYS = "check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
_EXPIRED = "{place} refuses the session token, which is wrong or has expired: get new AWS credentials."
_REGION = "The bucket {bucket!r} is in another region: set AWS_DEFAULT_REGION to its own."
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
    "AccessDenied": f"{{place}} denies access to the bucket {{bucket!r}}: {_KEYS}, and what they may do.",
}


@dataclass(frozen=True, slots=True)
class Place:
    """Where the store is, as its user named it."""

    bucket: str
    endpoint: str | None
    #: The setting or field that names the bucket.
    named_by: str = "FARM_S3_URL"

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

    try:
        yield
    except ClientError as error:
        if key is not None and _code(error) in {"NoSuchKey", "404", "NotFound"}:
            raise NotInStoreError(key) from None
        kind = NoBucketError if _code(error) == "NoSuchBucket" else StoreError
        raise kind(_refused(place, error)) from None
    except BotoCoreError as error:
        raise StoreError(_unasked(place, error)) from None


def _code(error: "ClientError") -> str:
    return str(error.response.get("Error", {}).get("Code", ""))


def _refused(place: Place, error: "ClientError") -> str:
    """The sentence for an answer that is a refusal."""
    code, answer = _code(error), error.response.get("ResponseMetadata", {})
    status = answer.get("HTTPStatusCode")
    if code in _SENTENCES:
        named = {"bucket": place.bucket, "named_by": place.named_by}
        return _SENTENCES[code].format(place=_start(place), skew=_skew(answer), **named)
    if status == HTTPStatus.FORBIDDEN:
        return _SENTENCES["AccessDenied"].format(place=_start(place), bucket=place.bucket)
    message = str(error.response.get("Error", {}).get("Message", "")).strip().rstrip(".")
    return f"{_start(place)} answered {code or status}{f' ({message})' if message else ''}: try again later."


def _unasked(place: Place, error: Exception) -> str:
    """The sentence for a request that got no answer, or was never sent."""
    from botocore import exceptions

    match error:
        case exceptions.NoCredentialsError() | exceptions.PartialCredentialsError():
            return f"There are no keys for {place}: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY."
        case exceptions.ProfileNotFound():
            return f"The AWS profile is not there ({error}): check AWS_PROFILE."
        case exceptions.SSLError():
            return f"No secure connection to {place}: is FARM_S3_ENDPOINT https, and its certificate trusted?."
        case exceptions.HTTPClientError() | exceptions.ConnectionError() | exceptions.IncompleteReadError():
            return f"{_start(place)} cannot be reached: check that it runs, FARM_S3_ENDPOINT and the network."
        case _:
            return f"{_start(place)} cannot be asked: {str(error).rstrip('.')}."


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
