"""What every store promises, asked of each."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from farm.errors import NotInStoreError
from farm.settings import Settings
from farm.store.memory import MemoryStore
from farm.store.s3 import S3Store
from farm.store.store import Store, plain_metadata


@pytest.fixture(params=["memory", "s3", "s3 below a prefix"])
def store(request: pytest.FixtureRequest, server: Settings) -> Iterator[Store]:
    """An empty store of each kind."""
    if request.param == "memory":
        yield MemoryStore()
        return
    url = server.s3_url if request.param == "s3" else f"{server.s3_url}/a/prefix"
    store = S3Store.from_settings(server.model_copy(update={"s3_url": url}))
    yield store
    store.delete(list(store.list("")))


def test_what_was_put_is_got(store: Store) -> None:
    """Bytes come back as they were, an empty object too, the last write wins."""
    store.put("a/b.bin", bytes(range(256)), metadata={"sha256": "abc"})
    store.put("a/empty", b"")
    store.put("a/c", b"old")
    store.put("a/c", b"new", content_type="text/plain")
    assert (store.get("a/b.bin"), store.get("a/empty"), store.get("a/c")) == (bytes(range(256)), b"", b"new")


def test_a_megabyte_survives(store: Store) -> None:
    """A picture of a usual size is stored whole."""
    data = bytes(range(256)) * 8192
    store.put("picture.png", data, content_type="image/png")
    assert store.get("picture.png") == data


def test_a_large_object_comes_in_pieces(store: Store) -> None:
    """Together they are the object, an empty one too; one that is not there is said before the first piece."""
    data = bytes(range(256)) * 10_000
    store.put("results.jsonl", data)
    store.put("empty", b"")
    assert b"".join(store.stream("results.jsonl")) == data
    assert b"".join(store.stream("empty")) == b""
    with pytest.raises(NotInStoreError, match="no object not/there"):
        store.stream("not/there")


@pytest.mark.parametrize("size", [0, 1000, (16 << 20) + 5])
def test_what_is_larger_than_memory_is_written_in_pieces(store: Store, size: int) -> None:
    """Pieces of any length come back as one object, below and above what one request holds."""
    data = bytes(range(256)) * (size // 256) + b"x" * (size % 256)
    step = 3_000_001
    store.put_stream("large.jsonl", (data[at : at + step] for at in range(0, size, step)), content_type="text/plain")
    assert store.get("large.jsonl") == data


def test_a_write_that_breaks_off_leaves_what_was_there(store: Store) -> None:
    """Whoever reads sees the old object or the new one, never half of it."""

    def broken() -> Iterator[bytes]:
        yield b"n" * (17 << 20)
        raise OSError(28, "No space left on device")

    store.put("results.jsonl", b"old")
    with pytest.raises(OSError, match="No space left"):
        store.put_stream("results.jsonl", broken())
    assert store.get("results.jsonl") == b"old"
    assert list(store.list("")) == ["results.jsonl"]


def test_a_listing_may_begin_in_the_middle(store: Store) -> None:
    """Keys that follow another one, which need not be there; what is asked for after the last is nothing."""
    keys = ["r/10-20", "r/100-110", "r/2-3", "r/20-30", "s"]
    for key in keys:
        store.put(key, b"1")
    assert list(store.list("r/", after="r/100")) == ["r/100-110", "r/2-3", "r/20-30"]
    assert list(store.list("r/", after="r/2-3")) == ["r/20-30"]
    assert list(store.list("r/", after="r/3")) == []


def test_what_is_not_there_is_said(store: Store) -> None:
    """A missing object is an error that names its key; asking whether it is there is none."""
    store.put("there/x", b"1")
    with pytest.raises(NotInStoreError, match="no object not/there") as caught:
        store.get("not/there")
    assert caught.value.key == "not/there"
    assert [store.exists(key) for key in ("there/x", "not/there", "there", "there/")] == [True, False, False, False]


@pytest.mark.parametrize("key", ["with space", "ü/ñ-日本.png", "plus+percent%20&=?#.png", "quote'\"<>.png", "a..b/~c"])
def test_any_key_that_a_name_may_have(store: Store, key: str) -> None:
    """Names of pictures are the user's: what a file may be called, an object may be."""
    store.put(key, b"1")
    assert store.exists(key)
    assert list(store.list("")) == [key]
    store.delete([key])
    assert not store.exists(key)


def test_listing_is_in_order_and_by_prefix(store: Store) -> None:
    """Keys come in ascending order of their characters; a prefix need not be a folder."""
    keys = ["a/b/1", "a/b-1/x", "a/b/10", "a/b/2", "a/b.json", "a/bc", "b", "a/b/1!/x", "a/b/1-x"]
    for key in keys:
        store.put(key, b"1")
    assert list(store.list("")) == sorted(keys)
    assert list(store.list("a/b/1")) == sorted(key for key in keys if key.startswith("a/b/1"))
    assert list(store.list("a/b/")) == sorted(key for key in keys if key.startswith("a/b/"))
    assert list(store.list("nothing/")) == []


def test_listing_goes_on_past_a_page(store: Store) -> None:
    """More keys than one answer holds are all listed, once, in order; and all deleted."""
    keys = [f"many/{number:05}" for number in range(1100)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda key: store.put(key, b"1"), keys))
    assert list(store.list("many/")) == keys
    store.delete([*keys, "never/was"])
    assert list(store.list("")) == []


def test_deleting_nothing_is_nothing(store: Store) -> None:
    """No keys and unknown keys are passed over, and a generator is taken."""
    store.put("kept", b"1")
    store.delete([])
    store.delete(key for key in ("not/there", "either"))
    assert list(store.list("")) == ["kept"]


def test_check_passes(store: Store) -> None:
    """A store that answers has nothing to say."""
    store.check()


@pytest.mark.parametrize("metadata", [{"name": "naïve"}, {"naïve": "name"}, {"name": "two\nlines"}])
def test_metadata_that_a_header_cannot_carry_is_refused(store: Store, metadata: dict[str, str]) -> None:
    """Metadata travels in HTTP headers: printable ASCII or nothing."""
    with pytest.raises(ValueError, match="printable ASCII"):
        store.put("x", b"1", metadata=metadata)
    assert not store.exists("x")


def test_names_of_metadata_are_lower_case() -> None:
    """Servers change the case of names: we settle it first."""
    assert plain_metadata({"SHA256": "Abc"}) == {"sha256": "Abc"}
    assert plain_metadata(None) == {}


def test_any_part_of_an_object_is_read(store: Store) -> None:
    """Written in parts, and read from the middle; what was said about it is told."""
    data = bytes(range(256)) * 200_000
    pieces = (data[at : at + 3_000_001] for at in range(0, len(data), 3_000_001))
    store.put_stream("m/w.safetensors", pieces, metadata={"SHA256": "abc"})
    assert store.read("m/w.safetensors", 40_000_000, 40_000_300) == data[40_000_000:40_000_300]
    assert store.read("m/w.safetensors", 0, len(data)) == data
    assert store.read("m/w.safetensors", 5, 5) == b""
    assert store.metadata("m/w.safetensors") == {"sha256": "abc"}
    with pytest.raises(NotInStoreError, match="no object m/other"):
        store.read("m/other", 0, 1)
    with pytest.raises(NotInStoreError, match="no object m/other"):
        store.metadata("m/other")


def test_a_listing_tells_sizes_and_tags(store: Store) -> None:
    """A tag is another when the content is."""
    for key, data in (("m/a", b"1"), ("m/b", b"22"), ("n", b"")):
        store.put(key, data)
    before = list(store.entries("m/"))
    assert [(entry.key, entry.bytes) for entry in before] == [("m/a", 1), ("m/b", 2)]
    store.put("m/a", b"2")
    after = list(store.entries("m/"))
    assert after[0].tag != before[0].tag
    assert after[1] == before[1]
