from pathlib import Path
from typing import Any

import pytest

from farm.errors import ServiceError, StoreError
from farm.settings import Settings
from farm.store.faults import Place
from farm.store.s3 import S3Store


def store_with(server: Settings, **changes: Any) -> S3Store:
    """The server's store with other settings."""
    return S3Store.from_settings(Settings.load(home=server.home, **(_known(server) | changes)))


def _known(server: Settings) -> dict[str, Any]:
    return {
        "redis_url": "redis://unused",
        "s3_url": server.s3_url,
        "s3_endpoint": server.s3_endpoint,
        "aws_access_key_id": server.aws_access_key_id,
        "aws_secret_access_key": server.aws_secret_access_key,
    }


def test_pictures_are_ordinary_files(server: Settings) -> None:
    """Whoever looks into the home of a local farm finds the objects as files."""
    store_with(server).put("jobs/one/images/a.png", b"picture")
    assert (server.home / "s3" / "farm" / "jobs/one/images/a.png").read_bytes() == b"picture"


def test_type_and_metadata_reach_the_server(server: Settings) -> None:
    """What was said about an object is said to whoever asks the server."""
    store = store_with(server)
    store.put("said.png", b"1", content_type="image/png", metadata={"sha256": "abc"})
    head = store._client.head_object(Bucket="farm", Key="said.png")
    assert {name.lower(): value for name, value in head["Metadata"].items()} == {"sha256": "abc"}


def test_a_picture_is_written_in_one_round_trip(server: Settings) -> None:
    """No ``Expect: 100-continue``: over a distance it takes as long as the picture itself."""
    store, sent = S3Store.from_settings(server), []
    store._client.meta.events.register("before-send.s3", lambda request, **_: sent.append(dict(request.headers)))
    store.put("a.png", b"picture")
    assert [request.get("Expect") for request in sent] == [None]
    assert store.get("a.png") == b"picture"


def test_no_bucket(server: Settings) -> None:
    """A bucket that is not there is named, with where to look."""
    store = store_with(server, s3_url="s3://missing/prefix")
    for ask in (store.check, lambda: store.put("x", b"1"), lambda: store.get("x"), lambda: list(store.list(""))):
        with pytest.raises(StoreError, match="has no bucket 'missing': create it, or check FARM_S3_URL"):
            ask()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"aws_access_key_id": "not-a-known-key"}, "does not know this access key: check AWS_ACCESS_KEY_ID"),
        ({"aws_secret_access_key": "not-the-secret"}, "refuses the secret key: check AWS_ACCESS_KEY_ID"),
    ],
)
def test_wrong_keys(server: Settings, change: dict[str, str], said: str) -> None:
    """Wrong keys are said as such, by every verb, without the keys themselves."""
    store = store_with(server, **change)
    for ask in (store.check, lambda: store.put("x", b"1"), lambda: store.delete(["x"])):
        with pytest.raises(StoreError, match=said) as caught:
            ask()
        assert next(iter(change.values())) not in str(caught.value)
    with pytest.raises(StoreError, match="does not let us read from"):
        store.exists("x")  # HEAD has no body that could say more


@pytest.mark.parametrize(
    ("endpoint", "said"),
    [
        ("http://127.0.0.1:9", "The store at http://127.0.0.1:9 cannot be reached: check that it runs"),
        ("http://no-such-host.invalid", "cannot be reached"),
        ("http://127.0.0.1:99999", "127.0.0.1:99999"),
        ("http://[half", "FARM_S3_ENDPOINT is wrong"),
    ],
)
def test_nobody_there(server: Settings, endpoint: str, said: str) -> None:
    """An endpoint that does not answer is named."""
    with pytest.raises(StoreError, match=said):
        store_with(server, s3_endpoint=endpoint).check()


def test_an_endpoint_that_speaks_no_tls(server: Settings) -> None:
    """An https address of a server that speaks http is described in other words than a dead server."""
    assert server.s3_endpoint is not None
    with pytest.raises(StoreError, match="No secure connection"):
        store_with(server, s3_endpoint=server.s3_endpoint.replace("http:", "https:")).check()


def test_no_keys_anywhere(server: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Without keys in any of the usual places the user hears which to set."""
    for name in ("AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    with pytest.raises(StoreError, match="There are no keys for the store at"):
        store_with(server, aws_access_key_id=None, aws_secret_access_key=None).check()


def test_a_profile_that_is_not_there(server: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """A wrong AWS_PROFILE is named when the store is made."""
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    with pytest.raises(StoreError, match="check AWS_PROFILE"):
        store_with(server)


def test_a_proxy_does_not_stand_before_loopback(server: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy for the internet, set in the environment, is not asked for this machine's own server."""
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    store_with(server).check()


def test_no_farm_configured() -> None:
    """Without settings there is no store to make."""
    with pytest.raises(ServiceError, match="No farm is configured here"):
        S3Store.from_settings(Settings.load())


def test_clocks_of_one_machine_agree(server: Settings) -> None:
    """The server's clock is asked for by the doctor."""
    ahead = store_with(server).ahead()
    assert ahead is not None
    assert abs(ahead) < 5


class Refusing:
    """A client whose server refuses to delete."""

    def delete_objects(self, **_: object) -> dict[str, Any]:
        """Answer as S3 does when a policy denies it."""
        return {"Errors": [{"Key": "a", "Code": "AccessDenied", "Message": "Access Denied"}]}


def test_what_could_not_be_deleted_is_said() -> None:
    """S3 answers 200 and lists what it did not delete: that is an error, not a success."""
    store = S3Store(Refusing(), place=Place("farm", None))
    with pytest.raises(StoreError, match="does not let us delete from the bucket 'farm'"):
        store.delete(["a", "b"])
